import type { ErrorReport } from '../../../contract/errors'
import type { ModelRole } from '../../../contract/evaluate/losses'
import { SCORER_DESCRIPTIONS, type ScorerFiles } from '../../../contract/evaluate/scores/scorers'
import { chosenScorers, type ScoreSummary } from '../../../contract/evaluate/scores/scores'
import { forEachRow } from '../compare/compare-methods'
import type { PromptDomain } from '../data/prompt-domains'
import { digest } from '../../files/kept/digest'
import { keepingFailures } from '../measured/kept-failures'
import { drawnPicturesIn } from '../measured/kept-in'
import type { DrawnPicture, DrawnSettings } from '../drawn/drawn-pictures'
import type { EvaluatedRow, EvaluationRun } from '../evaluation-run'
import { scorerMemory, type loadScorer } from '../scores/load-scorer'
import { PictureScores, type ScoringOptions } from './picture-scores'
import { summariseScores, type ModelScores } from './score-summary'

/** What every model draws. */
export interface DrawnTable {
  domains: readonly PromptDomain[]
  /** Pictures of every prompt. */
  seeds: number
  /** The first one; the others count up. */
  seed: number
  settings: DrawnSettings
}

/** What a row drew, by domain, prompt and seed. */
export interface DrawnRow {
  name: string
  role: ModelRole
  pictures: DrawnPicture[][][]
}

export interface ScoreNews {
  onProgress?: (phase: string, fraction: number) => void
  /** Every scorer that is done, with those before it. */
  onScores?: (scores: ScoreSummary[]) => void
  onFailed?: (name: string, error: ErrorReport) => void
}

/**
 * Opens the files of every scorer from headers, so that one that cannot score is told before the models draw for hours.
 * @throws FusionError as loadScorer does, but for memory
 */
export async function checkScorers(files: ScorerFiles, options: ScoringOptions): Promise<void> {
  for (const name of chosenScorers(files)) await scorerMemory(name, files, options)
}

/** The part of the time in which pictures are drawn. */
const DRAWING_PART = 0.8

/**
 * Draws what rows are asked for, frees the networks, and scores the pictures by one scorer after the other.
 * @throws what drawRows and scoreRows throw
 */
export async function drawAndScore(
  run: EvaluationRun,
  rows: readonly EvaluatedRow[],
  table: DrawnTable,
  files: ScorerFiles,
  { onProgress, ...news }: ScoreNews = {},
  load?: typeof loadScorer,
): Promise<ScoreSummary[]> {
  const part = (from: number, to: number): ScoreNews => ({
    ...news,
    onProgress: (phase, fraction) => onProgress?.(phase, from + (to - from) * fraction),
  })
  const drawn = await drawRows(run, rows, table, part(0, DRAWING_PART))
  await run.releaseNetworks()
  return scoreRows(drawn, files, { ...run.scoring, seed: table.seed }, part(DRAWING_PART, 1), load)
}

/**
 * Draws every prompt with every seed by every row's model, the same seeds for all; what is kept is not drawn again, and
 * without anything to draw no network is loaded. A row that cannot be drawn is told and left out.
 * @throws FusionError 'cancelled' between steps, what the base throws, and what would stop every other row
 */
export async function drawRows(
  run: EvaluationRun,
  rows: readonly EvaluatedRow[],
  { domains, seeds, seed, settings }: DrawnTable,
  { onProgress, onFailed }: ScoreNews = {},
): Promise<DrawnRow[]> {
  const store = drawnPicturesIn(run.keptIn)
  const requests = domains.flatMap(({ prompts }) =>
    prompts.flatMap((prompt) => Array.from({ length: seeds }, (_, i) => ({ prompt, seed: seed + i }))),
  )
  const drawn: DrawnRow[] = []
  await forEachRow(
    rows,
    async (row, index) => {
      const tell = (fraction: number): void =>
        onProgress?.(`drawing with ${row.name}`, (index + fraction) / rows.length)
      tell(0)
      const key = await run.modelKeyOf(row)
      const wanted = { key: digest(['drawn', key, requests, settings]), unit: `pictures of ${row.name}` }
      const found = await store.find(key, requests, settings)
      const pictures = found.every((picture) => picture !== null)
        ? found
        : await keepingFailures(run.keptIn, [wanted], () =>
            run.withModel(row, (pipeline) =>
              store.draw({ pipeline, key }, requests, settings, {
                signal: run.signal,
                onDrawn: (done, total) => tell(done / total),
              }),
            ),
          )
      drawn.push({ name: row.name, role: row.role, pictures: inTable(pictures, domains, seeds) })
    },
    onFailed,
  )
  return drawn
}

/**
 * Scores what rows drew by one scorer after the other: one is in memory at a time.
 * @param load for tests
 * @throws FusionError 'cancelled' between pictures, and what loading a scorer and scoring the base throw
 */
export async function scoreRows(
  rows: readonly DrawnRow[],
  files: ScorerFiles,
  options: ScoringOptions & { seed: number },
  { onProgress, onScores, onFailed }: ScoreNews = {},
  load?: typeof loadScorer,
): Promise<ScoreSummary[]> {
  const store = drawnPicturesIn(options)
  const chosen = chosenScorers(files)
  const scores: ScoreSummary[] = []
  for (const [place, name] of chosen.entries()) {
    const { label } = SCORER_DESCRIPTIONS[name]
    const tell = (phase: string, fraction: number): void => onProgress?.(phase, (place + fraction) / chosen.length)
    tell(`loading ${label}`, 0)
    const scorer = await PictureScores.open(name, files, options, load)
    const models: ModelScores[] = []
    try {
      await forEachRow(
        rows,
        async (row, index) => {
          const found = await scorer.of(
            row.pictures.flat(2).map((picture) => ({
              ...picture,
              name: `${row.name}: ${picture.prompt}`,
              pixels: () => store.pixels(picture),
            })),
            (fraction) => tell(`${label} of ${row.name}`, (index + fraction) / rows.length),
          )
          models.push({ name: row.name, role: row.role, scores: likeRow(row, found.map(Number)) })
        },
        onFailed,
      )
    } finally {
      await scorer.release()
    }
    scores.push(summariseScores(name, models, { seed: options.seed }))
    onScores?.([...scores])
  }
  return scores
}

function inTable<Value>(values: readonly Value[], domains: readonly PromptDomain[], seeds: number): Value[][][] {
  let at = 0
  return domains.map(({ prompts }) => prompts.map(() => values.slice(at, (at += seeds))))
}

/** Values by domain, prompt and seed as a row's pictures are. */
function likeRow<Value>({ pictures }: DrawnRow, values: readonly Value[]): Value[][][] {
  let at = 0
  return pictures.map((prompts) => prompts.map((own) => values.slice(at, (at += own.length))))
}
