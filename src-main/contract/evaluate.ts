import { z } from 'zod'
import { errorReportSchema } from './models'
import type { Project } from './project'

/** Which pictures are measured. */
export const SPLITS = ['held-out', 'train', 'all'] as const
export type Split = (typeof SPLITS)[number]

/** What is measured beside the base. */
export const EVALUATED = ['specialists', 'merge', 'soup', 'without'] as const
export const SEARCH_STRATEGIES = ['greedy-once', 'greedy-repeated', 'cma-es'] as const

/** What is drawn to be scored by a CLIP model. */
export const clipSettingsSchema = z.strictObject({
  /** Folder of a CLIP model; null: nothing is scored. */
  model: z.string().min(1).nullable().default(null),
  /** At most so many captions of each domain, the first ones. */
  prompts: z.number().int().positive().default(4),
  /** Pictures of each caption. */
  seeds: z.number().int().positive().default(2),
  steps: z.number().int().positive().default(20),
  guidance: z.number().default(7.5),
})

/** A project's own wishes for its evaluation. */
export const evaluationSettingsSchema = z.strictObject({
  /** Folder of evaluation data; null: one named evaluation beside the base, as the demo family has it. */
  data: z.string().min(1).nullable().default(null),
  split: z.enum(SPLITS).default('held-out'),
  /** At most so many of each domain; null: all. */
  pictures: z.number().int().positive().nullable().default(null),
  /** Of split and noise where the data have none of their own, and of the intervals. */
  seed: z.number().int().nonnegative().default(0),
  rows: z.array(z.enum(EVALUATED)).default(['specialists', 'merge', 'soup']),
  clip: clipSettingsSchema.default(clipSettingsSchema.parse({})),
})

const interval = z.object({ low: z.number(), high: z.number() }).nullable()
const estimateSchema = z.object({ value: z.number(), interval })
const cellSchema = z.object({ loss: estimateSchema, difference: estimateSchema.nullable() })
const roleSchema = z.enum(['base', 'specialist', 'merge'])

/** As engine/evaluate/loss-summary.ts makes it. */
export const lossSummarySchema = z.object({
  timesteps: z.array(z.number()),
  domains: z.array(z.object({ name: z.string(), pictures: z.number() })),
  models: z.array(
    z.object({
      name: z.string(),
      role: roleSchema,
      domains: z.array(cellSchema),
      mean: cellSchema,
      curves: z.array(z.array(z.number())),
      ownDomain: z.string().nullable(),
      gains: z.boolean(),
      kept: z.array(z.object({ specialist: z.string(), domain: z.string(), percent: estimateSchema })),
    }),
  ),
  bootstrap: z.object({ resamples: z.number(), seed: z.number(), confidence: z.number() }),
})

/** A difference of mean losses on the same pictures; every domain counts the same. */
const pairedSchema = z.object({
  mean: z.number(),
  /** Of the choice of pictures. */
  standardError: z.number(),
  /** The mean as a part of the other model's loss. */
  relative: z.number(),
})

/** What dropping a specialist did on its own domain (engine/evaluate/unlearned-gains.ts). */
export const unlearnedGainSchema = z.object({
  specialist: z.string(),
  domain: z.string(),
  /** Losses of the merge with it, and without it. */
  before: estimateSchema,
  after: estimateSchema,
  /** After less before, on the same pictures. */
  difference: estimateSchema,
  /** Per cent of its gain; null where it has none, or was not measured. */
  kept: z.object({ before: estimateSchema, after: estimateSchema }).nullable(),
})

/** A place on the leaderboard. */
export const leaderboardEntrySchema = z.object({
  name: z.string(),
  role: roleSchema,
  loss: z.number(),
  /** Less the base's; null for the base. */
  againstBase: pairedSchema.nullable(),
  /** Less the plain average's; null for it, or where none was measured. */
  againstSoup: pairedSchema.nullable(),
  /** Mean over the specialists that gain, in per cent; null where there is none, and for the base. */
  keptPercent: z.number().nullable(),
  /** That merging took; null for models that were there. */
  seconds: z.number().nullable(),
})

/** A row of a table, before it is measured. */
export const evaluationRowSchema = z.object({
  name: z.string(),
  role: roleSchema,
  /** How a merge is made, in words; empty for models. */
  words: z.string(),
  /** Why it could not be measured. */
  error: errorReportSchema.nullable(),
})

/** What was measured, while and after it is. */
export const evaluationReportSchema = z.object({
  kind: z.enum(['table', 'comparison']),
  job: z.string(),
  /** Milliseconds since 1970, of the start. */
  time: z.number(),
  /** evaluationKey of the project that was measured. */
  key: z.string(),
  folder: z.string(),
  split: z.enum(SPLITS),
  /** Base first. */
  rows: z.array(evaluationRowSchema),
  /** Of the rows that are measured; null before the first. */
  summary: lossSummarySchema.nullable(),
  /** Of specialists that were dropped, and of those that the merge was measured without. */
  unlearned: z.array(unlearnedGainSchema).default([]),
  /** Best first; of comparisons alone. */
  leaderboard: z.array(leaderboardEntrySchema).nullable(),
  /** Which method wins, and whether that is certain; of comparisons alone. */
  verdict: z.string().nullable(),
  done: z.boolean(),
})

/** Weights of a model that a search found. */
export const foundWeightsSchema = z.object({
  name: z.string(),
  weight: z.number(),
  blocks: z.record(z.string(), z.number()),
})

/** Losses on the two halves of the data. */
const halvesSchema = z.object({ search: z.number(), check: z.number() })

export const searchReportSchema = z.object({
  job: z.string(),
  time: z.number(),
  key: z.string(),
  strategy: z.enum(SEARCH_STRATEGIES),
  perBlock: z.boolean(),
  /** How many will be tried; null while that is not known (greedy). */
  planned: z.number().nullable(),
  folder: z.string(),
  split: z.enum(SPLITS),
  /** Pictures that weights are chosen on, and pictures that the search never sees. */
  pictures: halvesSchema.nullable(),
  /** Losses of what the result is compared with. */
  base: halvesSchema.nullable(),
  soup: halvesSchema.nullable(),
  trials: z.array(z.object({ index: z.number(), score: z.number().nullable(), isBest: z.boolean() })),
  best: z.object({ score: z.number(), models: z.array(foundWeightsSchema) }).nullable(),
  /** On pictures that the search never saw; null where it was stopped. */
  check: z
    .object({
      start: z.number(),
      best: z.number(),
      againstBase: pairedSchema,
      againstSoup: pairedSchema,
      /** What the weights found are worth, in sentences. */
      verdict: z.string(),
    })
    .nullable()
    .catch(null), // one of an older version must not cost the other results
  done: z.boolean(),
})

/** Features of a merge against its models' own, combined by its coefficients (engine/calibrate/feature-drift.ts). */
export const featureDriftSchema = z.object({
  domains: z.array(z.string()),
  pictures: z.number(),
  /** Input columns of every layer that are compared. */
  samples: z.number(),
  /** In the order of the network. */
  layers: z.array(
    z.object({
      /** Module of the layer: the name of its weight without `.weight`. */
      layer: z.string(),
      block: z.string(),
      /** Relative distances: the layer by itself, on the base's inputs; and inside the running networks. null: no number. */
      alone: z.number().nullable(),
      inside: z.number().nullable(),
    }),
  ),
})

export const driftReportSchema = z.object({
  time: z.number(),
  key: z.string(),
  /** The method in words. */
  method: z.string(),
  folder: z.string(),
  split: z.enum(SPLITS),
  drift: featureDriftSchema,
})

/** A mean CLIP score, or a difference of two, with its standard error; null of a single picture. */
const clipEstimateSchema = z.object({ value: z.number(), standardError: z.number().nullable() })
const clipCellSchema = z.object({ score: clipEstimateSchema, difference: clipEstimateSchema.nullable() })

/** As engine/evaluate/clip-table.ts makes it. */
export const clipSummarySchema = z.object({
  name: z.string(),
  role: roleSchema,
  domains: z.array(clipCellSchema),
  mean: clipCellSchema,
})

export const clipReportSchema = z.object({
  job: z.string(),
  time: z.number(),
  key: z.string(),
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

/** Evaluation data as a project would use them. */
export const evaluationDataSchema = z.object({
  folder: z.string().nullable(),
  kind: z.enum(['latents', 'pictures']).nullable(),
  timesteps: z.number(),
  domains: z.array(z.object({ name: z.string(), heldOut: z.number(), train: z.number() })),
  /** Why there are none. */
  problem: errorReportSchema.nullable(),
})

export const evaluationResultsSchema = z.object({
  table: evaluationReportSchema.nullable(),
  comparison: evaluationReportSchema.nullable(),
  search: searchReportSchema.nullable(),
  drift: driftReportSchema.nullable().default(null),
  clip: clipReportSchema.nullable().default(null),
})

export const EMPTY_RESULTS: EvaluationResults = { table: null, comparison: null, search: null, drift: null, clip: null }

export type EvaluationSettings = z.infer<typeof evaluationSettingsSchema>
export type EvaluationData = z.infer<typeof evaluationDataSchema>
export type EvaluationReport = z.infer<typeof evaluationReportSchema>
export type EvaluationRow = z.infer<typeof evaluationRowSchema>
export type EvaluationResults = z.infer<typeof evaluationResultsSchema>
export type LeaderboardEntry = z.infer<typeof leaderboardEntrySchema>
export type PairedLosses = z.infer<typeof pairedSchema>
export type UnlearnedGain = z.infer<typeof unlearnedGainSchema>
export type Summary = z.infer<typeof lossSummarySchema>
export type SearchReport = z.infer<typeof searchReportSchema>
export type SearchStrategy = (typeof SEARCH_STRATEGIES)[number]
export type FoundWeights = z.infer<typeof foundWeightsSchema>
export type FeatureDrift = z.infer<typeof featureDriftSchema>
export type ClipReport = z.infer<typeof clipReportSchema>
export type ClipSettings = z.infer<typeof clipSettingsSchema>
export type DriftReport = z.infer<typeof driftReportSchema>
export type Estimate = z.infer<typeof estimateSchema>

/** The project with weights that a search found; what a greedy search found is a plain average of whole models. */
export function withFoundWeights<P extends Pick<Project, 'models' | 'method'>>(
  project: P,
  strategy: SearchStrategy,
  found: readonly FoundWeights[],
): P {
  const isGreedy = strategy !== 'cma-es'
  const models = project.models.map((model) => {
    const own = found.find(({ name }) => name === model.name)
    if (!own) return model
    return { ...model, weight: own.weight, blocks: own.blocks, ...(isGreedy && { layers: [] }) }
  })
  return { ...project, models, ...(isGreedy && { method: { ...project.method, name: 'soup' as const } }) }
}

/** Whether a difference has the same sign for most other choices of pictures. */
export function isCertain({ interval }: Estimate): boolean {
  return interval !== null && (interval.low > 0 || interval.high < 0)
}

/** Two standard errors to either side; no interval where nothing is known of them. */
export function withErrors({ value, standardError: error }: z.infer<typeof clipEstimateSchema>): Estimate {
  return { value, interval: error === null ? null : { low: value - 2 * error, high: value + 2 * error } }
}

/** What decides a result's figures: equal where nothing that matters has changed. */
export function evaluationKey(
  project: Pick<Project, 'models' | 'method' | 'output' | 'evaluation'>,
  of: keyof EvaluationResults = 'table',
): string {
  const { models, method, output, evaluation } = project
  const { rows, pictures, clip, ...data } = evaluation
  const used = { ...data, pictures }
  const table = { ...used, rows }
  const settings = { table, comparison: used, search: used, drift: data, clip: { ...table, clip } }[of]
  const { include, dtype, vae } = output
  return JSON.stringify([models.map(({ sha256: _hash, ...model }) => model), method, { include, dtype, vae }, settings])
}
