import { z } from 'zod'
import { modelIdentitySchema } from '../document/model-identity'
import { roleSchema, type Estimate } from './losses'
import { evaluationRowSchema } from './report'
import { clipSettingsSchema, SPLITS } from './settings'

/** A mean CLIP score, or a difference of two, and its standard error over prompts (over seeds where there is one prompt); null for a single picture. */
const clipEstimateSchema = z.object({ value: z.number(), standardError: z.number().nullable() })
const clipCellSchema = z.object({ score: clipEstimateSchema, difference: clipEstimateSchema.nullable() })

/** As engine/evaluate/clip-table.ts makes it. */
export const clipSummarySchema = z.object({
  name: z.string(),
  role: roleSchema,
  /** By domain. */
  domains: z.array(clipCellSchema),
  /** Over the prompts of all domains. */
  mean: clipCellSchema,
})

export const clipReportSchema = z.object({
  job: z.string(),
  time: z.number(),
  key: z.string(),
  /** Of the project, base first: it is shown for no others. */
  models: z.array(modelIdentitySchema).default([]),
  folder: z.string(),
  split: z.enum(SPLITS),
  settings: clipSettingsSchema,
  /** Base first. */
  rows: z.array(evaluationRowSchema),
  /** Captions that are drawn. */
  domains: z.array(z.object({ name: z.string(), prompts: z.number() })),
  /** Of the rows that are scored. */
  scores: z.array(clipSummarySchema),
  done: z.boolean(),
})

export type ClipEstimate = z.infer<typeof clipEstimateSchema>
export type ClipSummary = z.infer<typeof clipSummarySchema>
export type ClipReport = z.infer<typeof clipReportSchema>

/** Two standard errors to either side; no interval where nothing is known of them. */
export function withErrors({ value, standardError: error }: ClipEstimate): Estimate {
  return { value, interval: error === null ? null : { low: value - 2 * error, high: value + 2 * error } }
}
