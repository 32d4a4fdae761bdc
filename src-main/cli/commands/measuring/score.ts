import { Option, type Command } from 'commander'
import { csvTable } from '../../../contract/values/csv'
import { FusionError } from '../../../contract/errors'
import {
  SCORERS,
  SCORER_DESCRIPTIONS,
  type ScorerFiles,
  type ScorerName,
} from '../../../contract/evaluate/scores/scorers'
import { chosenScorers, scoreText } from '../../../contract/evaluate/scores/scores'
import { mean } from '../../../engine/evaluate/losses/bootstrap'
import {
  readPictures,
  type NamedPicture,
  type NamedPictures,
} from '../../../engine/evaluate/scored-pictures/named-pictures'
import { PictureScores, type ScoringOptions } from '../../../engine/evaluate/scored-pictures/picture-scores'
import {
  measureScores,
  missingScores,
  scoreUnits,
  type ScoreUnit,
} from '../../../engine/evaluate/scored-pictures/score-units'
import { checkScorers } from '../../../engine/evaluate/scored-pictures/score-table'
import { csvFile } from '../../../engine/files/writing/file-kinds'
import { checkOutput, writeOutput } from '../../../engine/files/writing/write-output'
import { DEVICES, type Device } from '../../../engine/runtime/providers'
import { cacheFolder } from '../../folders'
import {
  addResultsOptions,
  deviceFor,
  openResults,
  type ResultsOptions,
  type SharedResults,
} from '../../options/results-options'
import { addScorerOptions, scorerFilesOf, type ScorerOptions } from '../../options/scorer-options'
import { sayGathered } from '../../output/shared-output'
import { doParts } from '../../shared-parts'
import {
  EXIT,
  lines,
  printResult,
  ProgressLine,
  runCommand,
  say,
  seconds,
  table,
  UsageError,
  type CommonOptions,
} from '../../output/output'

interface ScoreOptions extends CommonOptions, ScorerOptions, ResultsOptions {
  prompt?: string
  csv?: string
  device: Device
}

/** A picture that was scored; null: it has no prompt, and the scorer needs one. */
interface ScoredFile {
  file: string
  prompt: string | null
  scores: Partial<Record<ScorerName, number | null>>
}

const CSV_RULE = { kind: csvFile(asCsv([])), overwrite: true }

/** `featurefusion score`: what scorers say of pictures that are there. */
export function addScoreCommand(program: Command, files: { clipVocabulary: string }): void {
  const command = program
    .command('score <picture...>')
    .summary('score pictures by ImageReward, PickScore, HPS, CLIP score, aesthetics')
    .description(
      'score pictures (PNG, JPEG; of folders all that are below) by networks whose files you have: nothing is downloaded. The prompt of a picture is what its PNG says, as A1111 writes it, or a .txt of its name beside it; pictures without one are scored by what needs none.',
    )
    .option('--prompt <text>', 'the prompt of all pictures, whatever they say')
  addScorerOptions(command)
  addResultsOptions(command)
    .option('--csv <file>', 'write the scores as CSV')
    .addOption(new Option('--device <name>', 'where networks run').choices(DEVICES).default('auto'))
    .option('--json', 'results as JSON')
    .action((paths: string[], options: ScoreOptions) =>
      runCommand(options, (signal) => score(paths, options, files, signal)),
    )
}

async function score(
  paths: readonly string[],
  options: ScoreOptions,
  files: { clipVocabulary: string },
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now()
  const scorers = scorerFilesOf(options)
  const chosen = chosenScorers(scorers)
  if (chosen.length === 0)
    throw new UsageError('Name the files of a scorer.', 'For example --image-reward DIR, or --clip DIR.')
  if (options.csv !== undefined) await checkOutput(options.csv, CSV_RULE)
  const shared = await openResults(options)
  const device = await deviceFor(options.device, shared?.lines)
  const scoring = { ...files, device, cacheFolder: cacheFolder(), results: shared?.lines, signal }
  await checkScorers(scorers, scoring)
  const { pictures, unreadable } = await readPictures(paths, options.prompt)
  for (const { error } of unreadable) say(`${error.message}`)
  if (unreadable.length > 0) process.exitCode = EXIT.failed
  if (pictures.length === 0) throw nothingToScore(paths, unreadable)
  if (shared && (await scoreShare(shared, { pictures, scorers, scoring }, options, started))) return
  const scored: ScoredFile[] = pictures.map(({ file, prompt }) => ({ file, prompt, scores: {} }))
  const progress = new ProgressLine()
  try {
    for (const [place, name] of chosen.entries()) {
      const { label } = SCORER_DESCRIPTIONS[name]
      const scorer = await PictureScores.open(name, scorers, scoring)
      try {
        const found = await scorer.of(pictures, (fraction) => progress.show(label, (place + fraction) / chosen.length))
        found.forEach((value, index) => (scored[index]!.scores[name] = value))
      } finally {
        await scorer.release()
      }
    }
  } finally {
    progress.end()
  }
  if (options.csv !== undefined) await writeOutput(options.csv, asCsv(scored), CSV_RULE)
  if (shared) sayGathered(shared)
  const took = (performance.now() - started) / 1000
  const result = {
    pictures: scored,
    means: Object.fromEntries(chosen.map((name) => [name, meanOf(scored, name)])),
    unreadable,
    seconds: took,
  }
  printResult(options, result, () => `${inWords(scored, chosen)}\nDone in ${seconds(took)}.`)
}

/** doParts of pictures that are there. */
function scoreShare(
  shared: SharedResults,
  { pictures, scorers, scoring }: { pictures: NamedPicture[]; scorers: ScorerFiles; scoring: ScoringOptions },
  options: CommonOptions,
  started: number,
): Promise<boolean> {
  const parts = scoreUnits(chosenScorers(scorers), pictures)
  const missing = () => missingScores(parts, scorers, scoring)
  const measure = async (own: readonly ScoreUnit[]): Promise<[]> => {
    const progress = new ProgressLine()
    await measureScores(own, scorers, scoring, (name, fraction) =>
      progress.show(SCORER_DESCRIPTIONS[name].label, fraction),
    ).finally(() => progress.end())
    return []
  }
  return doParts(shared, { parts, missing, measure }, options, started)
}

function nothingToScore(paths: readonly string[], unreadable: NamedPictures['unreadable']): FusionError {
  if (unreadable.length > 0) return new FusionError('unreadable', 'None of the pictures can be read.')
  return new FusionError('not-found', `There are no pictures in ${paths.join(', ')}.`, {
    hint: 'Name PNG or JPEG files, or folders of them.',
  })
}

function inWords(scored: readonly ScoredFile[], chosen: readonly ScorerName[]): string {
  const text = (name: ScorerName, value: number | null | undefined): string =>
    value === null || value === undefined ? '' : scoreText(name, value)
  const rows = scored.map(({ file, scores }) => [file, ...chosen.map((name) => text(name, scores[name]))])
  const means = scored.length > 1 ? [['mean', ...chosen.map((name) => text(name, meanOf(scored, name)))]] : []
  const without = chosen.some((name) => !SCORER_DESCRIPTIONS[name].ignoresPrompt)
    ? scored.filter(({ prompt }) => prompt === null)
    : []
  return [
    ...chosen.map((name) => `${SCORER_DESCRIPTIONS[name].label}: ${SCORER_DESCRIPTIONS[name].meaning}`),
    '',
    table([['', ...chosen.map((name) => SCORER_DESCRIPTIONS[name].label)], ...rows, ...means]),
    '',
    ...(without.length === 0
      ? []
      : [lines(['Without a prompt, and so scored by what needs none:', ...without.map(({ file }) => file)]), '']),
  ].join('\n')
}

/** null where nothing was scored. */
function meanOf(scored: readonly ScoredFile[], name: ScorerName): number | null {
  const values = scored.flatMap(({ scores }) => scores[name] ?? [])
  return values.length === 0 ? null : mean(values)
}

/** A line of every picture, with a column of every scorer there is. */
function asCsv(scored: readonly ScoredFile[]): string {
  return csvTable<ScoredFile>(
    {
      file: ({ file }) => file,
      prompt: ({ prompt }) => prompt,
      ...Object.fromEntries(SCORERS.map((name) => [name, ({ scores }: ScoredFile) => scores[name]])),
    },
    scored,
  )
}
