import { z } from 'zod'
import { cellsOf, estimateSchema, excludesZero, roleSchema, type Estimate } from '../losses'
import { evaluationReportSchema, evaluationRowSchema } from '../report'
import { SCORER_DESCRIPTIONS, SCORERS, scorerSchema, type ScorerFiles, type ScorerName } from './scorers'
import { scoreSettingsSchema } from '../settings'
import { listOf } from '../../values/format'
import { resultHeadSchema } from '../result-head'

/** A mean score of a model's pictures; its interval is over prompts, or over seeds where there is one prompt. */
const scoreCellSchema = z.object({
  score: estimateSchema,
  /** Score less the base's, on the same prompts and seeds; null for the base. */
  difference: estimateSchema.nullable(),
})

const scoredModelSchema = z.object({
  name: z.string(),
  role: roleSchema,
  /** By domain. */
  domains: z.array(scoreCellSchema),
  /** Of the domains' means: every domain counts the same. */
  mean: scoreCellSchema,
})

/** The model with the highest score of a column, and by how much it is ahead of the next one. */
const bestSchema = z.object({
  name: z.string(),
  second: z.string(),
  /** The best's score less the second's, on the same prompts and seeds. */
  lead: estimateSchema,
})

/** What one scorer says of all models, as engine/evaluate/scored-pictures/score-summary.ts makes it. */
export const scoreSummarySchema = z.object({
  scorer: scorerSchema,
  models: z.array(scoredModelSchema),
  /** By domain, that of the mean last; null for one model, and where several share the highest score. Empty: not known. */
  best: z.array(bestSchema.nullable()),
})

export const scoreReportSchema = z.object({
  /** Of the table's rows, or of the methods that are compared. */
  kind: evaluationReportSchema.shape.kind.default('table'),
  job: z.string(),
  ...resultHeadSchema.shape,
  settings: scoreSettingsSchema,
  /** Base first. */
  rows: z.array(evaluationRowSchema),
  /** Prompts that are drawn. */
  domains: z.array(z.object({ name: z.string(), prompts: z.number() })),
  /** Of every scorer that has scored, the rows that were drawn. */
  scores: z.array(scoreSummarySchema),
  done: z.boolean(),
})

export type ScoredModel = z.infer<typeof scoredModelSchema>
export type BestOfColumn = z.infer<typeof bestSchema>
export type ScoreSummary = z.infer<typeof scoreSummarySchema>
export type ScoreReport = z.infer<typeof scoreReportSchema>

/** The scorers whose files were named, in the order in which tables show them. */
export function chosenScorers(files: ScorerFiles): ScorerName[] {
  return SCORERS.filter((name) => files[name] !== null)
}

/** Whether the model of a column leads for other prompts of the same kind, too. */
export function isCertain({ lead }: Pick<BestOfColumn, 'lead'>): boolean {
  return excludesZero(lead)
}

/** A row's mean over all domains; undefined where it was not scored. */
export function meanScore({ models }: ScoreSummary, name: string): Estimate | undefined {
  return models.find((model) => model.name === name)?.mean.score
}

/** ' *' for the best of a column, ' (*)' where that is not certain; nothing for the others. @param place of the column */
export function bestMark({ best }: ScoreSummary, { name }: Pick<ScoredModel, 'name'>, place: number): string {
  const column = best[place]
  if (column?.name !== name) return ''
  return isCertain(column) ? ' *' : ' (*)'
}

/** '24.31', with the digits that a scorer's numbers are worth. */
export function scoreText(scorer: ScorerName, value: number): string {
  return value.toFixed(SCORER_DESCRIPTIONS[scorer].digits).replace('-', '−')
}

/** '24.31 (23.9 to 24.8)': an estimate with its interval, if it has one. */
export function estimateText(scorer: ScorerName, { value, interval }: Estimate): string {
  const text = scoreText(scorer, value)
  return interval ? `${text} (${scoreText(scorer, interval.low)} to ${scoreText(scorer, interval.high)})` : text
}

/** Whether two scores are the same in a table: none of them is better then. */
export function isTie(scorer: ScorerName, one: number, other: number): boolean {
  return scoreText(scorer, one) === scoreText(scorer, other)
}

/**
 * Who is best in a column, or that several are, as a sentence; '' where nothing is compared.
 * @param place of the column
 */
export function bestInWords({ scorer, models, best }: ScoreSummary, place: number): string {
  const column = best[place]
  if (column === undefined || models.length < 2) return ''
  if (column !== null) return winnerInWords(scorer, column)
  const scored = models.map((model) => ({ name: model.name, value: cellsOf(model)[place]!.score.value }))
  const most = Math.max(...scored.map(({ value }) => value))
  const names = scored.filter(({ value }) => isTie(scorer, value, most)).map(({ name }) => name)
  return `${names.length > 3 ? `${names.length} models` : listOf(names)} share the highest score: none is best.`
}

function winnerInWords(scorer: ScorerName, { name, second, lead }: BestOfColumn): string {
  const ahead = `${estimateText(scorer, lead)} ahead of ${second}`
  if (!lead.interval) return `${name} has the highest score, ${ahead}, of too few prompts to call it the best.`
  if (isCertain({ lead })) return `${name} is best, ${ahead}.`
  return `${name} has the highest score, but is not certainly the best: ${ahead}.`
}
