import { csvTable, type CsvColumns } from '../values/csv'
import type { FeatureDrift } from './drift'
import {
  ALL_DOMAINS,
  cellsOf,
  type Estimate,
  type LeaderboardEntry,
  type LossSummary,
  type ModelRole,
  type UnlearnedGain,
} from './losses'
import type { Recognition } from './scores/recognition'
import type { ScorerName } from './scores/scorers'
import { meanScore, type ScoreReport, type ScoreSummary } from './scores/scores'

/** One figure of an evaluation: a line of its CSV. */
interface Figure {
  measure: string
  model: string
  role: ModelRole
  domain: string
  timestep?: number
  /** Whose gain is kept. */
  specialist?: string
  /** How many were measured. */
  pictures?: number
  /** What was drawn, and what it is most like. */
  caption?: string
  as?: string
  estimate: Estimate
}

/** What scorers said of the rows' pictures. */
export interface ScoreFigures extends Pick<ScoreReport, 'scores'> {
  domains: readonly { name: string }[]
}

/** What an evaluation measured. */
export interface EvaluationFigures extends Pick<LossSummary, 'models' | 'domains' | 'timesteps'> {
  unlearned: readonly UnlearnedGain[]
  /** null: no pictures were scored. */
  scores: ScoreFigures | null
  /** null: no pictures were drawn to be recognised. */
  recognition: Recognition | null
}

/** Every figure of an evaluation, one a line. */
export function evaluationAsCsv(evaluation: EvaluationFigures): string {
  return csvTable<Figure>(
    {
      measure: ({ measure }) => measure,
      model: ({ model }) => model,
      role: ({ role }) => role,
      domain: ({ domain }) => domain,
      timestep: ({ timestep }) => timestep,
      specialist: ({ specialist }) => specialist,
      pictures: ({ pictures }) => pictures,
      value: ({ estimate }) => estimate.value,
      low: ({ estimate }) => estimate.interval?.low,
      high: ({ estimate }) => estimate.interval?.high,
      ...(evaluation.recognition && { caption: ({ caption }: Figure) => caption, as: ({ as }: Figure) => as }),
    },
    [
      ...lossFigures(evaluation),
      ...unlearnedFigures(evaluation.unlearned),
      ...scoreFigures(evaluation.scores),
      ...recognitionFigures(evaluation.recognition),
    ],
  )
}

function lossFigures({ models, domains, timesteps }: EvaluationFigures): Figure[] {
  const all = domains.reduce((sum, { pictures }) => sum + pictures, 0)
  const measured = [...domains, { name: ALL_DOMAINS, pictures: all }]
  return models.flatMap((summary) => {
    const own = { model: summary.name, role: summary.role }
    const cells = cellsOf(summary).flatMap(({ loss, difference }, place): Figure[] => {
      const { name: domain, pictures } = measured[place]!
      return [
        { measure: 'loss', ...own, domain, pictures, estimate: loss },
        ...(difference ? [{ measure: 'difference', ...own, domain, pictures, estimate: difference }] : []),
      ]
    })
    const kept = summary.kept.map(({ specialist, domain, percent }): Figure => {
      return { measure: 'kept-percent', ...own, domain, specialist, estimate: percent }
    })
    const curves = summary.curves.flatMap((curve, place) =>
      curve.map((value, step): Figure => {
        const at = { domain: measured[place]!.name, timestep: timesteps[step]! }
        return { measure: 'loss-at-timestep', ...own, ...at, estimate: { value, interval: null } }
      }),
    )
    return [...cells, ...kept, ...curves]
  })
}

function unlearnedFigures(unlearned: readonly UnlearnedGain[]): Figure[] {
  return unlearned.flatMap(({ specialist, domain, before, after, difference, kept }) => {
    const figure = (measure: string, estimate: Estimate): Figure => {
      return { measure: `unlearned-${measure}`, model: specialist, role: 'specialist', domain, estimate }
    }
    return [
      figure('before', before),
      figure('after', after),
      figure('difference', difference),
      ...(kept ? [figure('kept-before', kept.before), figure('kept-after', kept.after)] : []),
    ]
  })
}

function scoreFigures(scores: ScoreFigures | null): Figure[] {
  if (!scores) return []
  const names = [...scores.domains.map(({ name }) => name), ALL_DOMAINS]
  return scores.scores.flatMap(({ scorer, models, best }) => [
    ...models.flatMap((model) =>
      cellsOf(model).flatMap(({ score, difference }, place): Figure[] => {
        const own = { model: model.name, role: model.role, domain: names[place]! }
        return [
          { measure: scoreMeasure(scorer), ...own, estimate: score },
          ...(difference ? [{ measure: `${scorer}-difference`, ...own, estimate: difference }] : []),
        ]
      }),
    ),
    ...best.flatMap((column, place): Figure[] => {
      if (!column) return []
      const { role } = models.find(({ name }) => name === column.name)!
      return [{ measure: `${scorer}-lead`, model: column.name, role, domain: names[place]!, estimate: column.lead }]
    }),
  ])
}

/** CLIP's is called as in earlier versions. */
function scoreMeasure(scorer: ScorerName): string {
  return scorer === 'clip' ? 'clip-score' : scorer
}

/** Shares of recognised pictures, and every caption that was drawn as another one. */
function recognitionFigures(recognition: Recognition | null): Figure[] {
  if (!recognition) return []
  const { domains, settings, models } = recognition
  const counts = domains.map(({ name, prompts }) => ({ name, pictures: prompts * settings.seeds }))
  const all = { name: ALL_DOMAINS, pictures: counts.reduce((sum, { pictures }) => sum + pictures, 0) }
  return models.flatMap((model) => {
    const own = { model: model.name, role: model.role }
    const shares = cellsOf(model).map((estimate, place): Figure => {
      const { name: domain, pictures } = [...counts, all][place]!
      return { measure: 'recognised', ...own, domain, pictures, estimate }
    })
    const confusions = model.confusions.map(({ domain, caption, as, pictures }): Figure => {
      const share = { value: pictures / settings.seeds, interval: null }
      return { measure: 'confused', ...own, domain, pictures, caption, as: as?.caption ?? '', estimate: share }
    })
    return [...shares, ...confusions]
  })
}

/** The leaderboard, all figures whole. @param scores of the rows' pictures: their means over domains */
export function leaderboardAsCsv(board: readonly LeaderboardEntry[], scores: readonly ScoreSummary[] = []): string {
  return csvTable<LeaderboardEntry>(
    {
      name: ({ name }) => name,
      role: ({ role }) => role,
      loss: ({ loss }) => loss,
      'base-difference': ({ againstBase }) => againstBase?.mean,
      'base-error': ({ againstBase }) => againstBase?.standardError,
      'average-difference': ({ againstSoup }) => againstSoup?.mean,
      'average-error': ({ againstSoup }) => againstSoup?.standardError,
      'kept-percent': ({ keptPercent }) => keptPercent,
      'kept-low': ({ keptInterval }) => keptInterval?.low,
      'kept-high': ({ keptInterval }) => keptInterval?.high,
      'forgets-percent': ({ forgets }) => forgets?.value,
      'forgets-low': ({ forgets }) => forgets?.interval?.low,
      'forgets-high': ({ forgets }) => forgets?.interval?.high,
      front: ({ role, isOnFront }) => (role === 'merge' ? Number(isOnFront) : undefined),
      scale: ({ scale }) => scale,
      seconds: ({ seconds }) => seconds,
      ...Object.assign({}, ...scores.map(scoreColumns)),
    },
    board,
  )
}

function scoreColumns(summary: ScoreSummary): CsvColumns<LeaderboardEntry> {
  const measure = scoreMeasure(summary.scorer)
  const of = ({ name }: LeaderboardEntry): Estimate | undefined => meanScore(summary, name)
  return {
    [measure]: (entry) => of(entry)?.value,
    [`${measure}-low`]: (entry) => of(entry)?.interval?.low,
    [`${measure}-high`]: (entry) => of(entry)?.interval?.high,
  }
}

/** Every layer of a sampling check, one a line; relative distances. */
export function driftAsCsv({ layers }: FeatureDrift): string {
  return csvTable<FeatureDrift['layers'][number]>(
    {
      block: ({ block }) => block,
      layer: ({ layer }) => layer,
      alone: ({ alone }) => alone,
      inside: ({ inside }) => inside,
    },
    layers,
  )
}
