import { z } from 'zod'
import { errorReportSchema } from '../document/models'
import { methodSchema } from '../document/project'
import { leaderboardEntrySchema, lossSummarySchema, roleSchema, unlearnedGainSchema } from './losses'
import { recognitionSchema } from './scores/recognition'
import { resultHeadSchema } from './result-head'

/** A row of a table, before it is measured. */
export const evaluationRowSchema = z.object({
  name: z.string(),
  role: roleSchema,
  /** How a merge is made, in words; empty for models. */
  words: z.string(),
  /** How a merge can be made again: method, and weights of whole models; null for models, and where blocks had weights. */
  recipe: z
    .object({ method: methodSchema, models: z.array(z.object({ name: z.string(), weight: z.number() })) })
    .nullable()
    .catch(null)
    .default(null),
  /** Why it could not be measured. */
  error: errorReportSchema.nullable(),
})

/** What was measured, while and after it is. */
export const evaluationReportSchema = z.object({
  kind: z.enum(['table', 'comparison']),
  job: z.string(),
  ...resultHeadSchema.shape,
  /** Base first. */
  rows: z.array(evaluationRowSchema),
  /** Of the rows that are measured; null before the first. */
  summary: lossSummarySchema.nullable(),
  /** Of specialists that were dropped, and of those that the merge was measured without. */
  unlearned: z.array(unlearnedGainSchema).default([]),
  /** Of pictures that the rows draw; null: none were asked for. */
  recognition: recognitionSchema.nullable().default(null),
  /** Best first; of comparisons alone. */
  leaderboard: z.array(leaderboardEntrySchema).nullable(),
  /** Which method wins, and whether that is certain; of comparisons alone. */
  verdict: z.string().nullable(),
  done: z.boolean(),
})

export type EvaluationRow = z.infer<typeof evaluationRowSchema>
export type EvaluationReport = z.infer<typeof evaluationReportSchema>
