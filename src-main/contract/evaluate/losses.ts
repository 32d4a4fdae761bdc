import { z } from 'zod'

/** What a model is in a comparison: merges are measured by what they keep of the specialists. */
export const roleSchema = z.enum(['base', 'specialist', 'merge'])

/** Where a figure would lie for other pictures of the same kind. */
const intervalSchema = z.object({ low: z.number(), high: z.number() })

/** A figure with its interval; none for fewer than two pictures. */
export const estimateSchema = z.object({ value: z.number(), interval: intervalSchema.nullable() })

/** A model on one domain, or on all of them. */
const lossCellSchema = z.object({
  loss: estimateSchema,
  /** Loss less the base's, on the same pictures; null for the base. */
  difference: estimateSchema.nullable(),
})

/** What a model keeps of a specialist's gain over the base, on that specialist's own domain. */
const keptGainSchema = z.object({
  specialist: z.string(),
  domain: z.string(),
  /** In per cent: 0 is the base, 100 the specialist. */
  percent: estimateSchema,
})

const modelSummarySchema = z.object({
  name: z.string(),
  role: roleSchema,
  /** By domain. */
  domains: z.array(lossCellSchema),
  /** Of the domains' means: every domain counts the same. */
  mean: lossCellSchema,
  /** Mean loss by domain and timestep. */
  curves: z.array(z.array(z.number())),
  /** Specialists only: the domain that is named like the model, else the one where its loss is lowest relative to the base. */
  ownDomain: z.string().nullable(),
  /** Specialists only: whether its loss on its own domain is measurably lower than the base's, by half a per cent at least. */
  gains: z.boolean(),
  /** One for each specialist that gains; empty for the base. */
  kept: z.array(keptGainSchema),
})

/** How intervals are made (engine/evaluate/losses/bootstrap.ts). */
const bootstrapSchema = z.object({
  /** How many sets of pictures are drawn. */
  resamples: z.number(),
  seed: z.number(),
  /** Share of the drawn sets that the interval holds. */
  confidence: z.number(),
})

/** As engine/evaluate/losses/loss-summary.ts makes it. */
export const lossSummarySchema = z.object({
  timesteps: z.array(z.number()),
  domains: z.array(z.object({ name: z.string(), pictures: z.number() })),
  models: z.array(modelSummarySchema),
  bootstrap: bootstrapSchema,
})

/** A difference of mean losses on the same pictures; every domain counts the same. */
export const pairedSchema = z.object({
  mean: z.number(),
  /** Of the mean; it covers the choice of pictures, not another training. */
  standardError: z.number(),
  /** The mean as a part of the other model's loss. */
  relative: z.number(),
})

/** What dropping a specialist did on its own domain (engine/evaluate/losses/unlearned-gains.ts). */
export const unlearnedGainSchema = z.object({
  specialist: z.string(),
  domain: z.string(),
  /** Losses of the merge with the specialist, and without it. */
  before: estimateSchema,
  after: estimateSchema,
  /** After less before, on the same pictures. */
  difference: estimateSchema,
  /** Per cent of the specialist's gain that the merge keeps; null where it has none, or was not measured. */
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
  keptInterval: intervalSchema.nullable().default(null),
  /** Per cent by which its loss is above the base's in the domains that no specialist has; null for the base, or without any. */
  forgets: estimateSchema.nullable().default(null),
  /** Less the best merge's; null for it and for models that were there. */
  againstBest: pairedSchema.nullable().default(null),
  /** Whether no other merge keeps more and forgets less. */
  isOnFront: z.boolean().default(false),
  /** Of the merged changes, found on pictures that it was not judged by; null where none was searched. */
  scale: z.number().nullable().default(null),
  /** That merging took; null for models that were there. */
  seconds: z.number().nullable(),
})

export type ModelRole = z.infer<typeof roleSchema>
export type Interval = z.infer<typeof intervalSchema>
export type Estimate = z.infer<typeof estimateSchema>
export type LossCell = z.infer<typeof lossCellSchema>
export type KeptGain = z.infer<typeof keptGainSchema>
export type ModelSummary = z.infer<typeof modelSummarySchema>
export type LossSummary = z.infer<typeof lossSummarySchema>
export type BootstrapOptions = z.infer<typeof bootstrapSchema>
export type PairedLosses = z.infer<typeof pairedSchema>
export type UnlearnedGain = z.infer<typeof unlearnedGainSchema>
export type LeaderboardEntry = z.infer<typeof leaderboardEntrySchema>

/** Whether a difference's interval lies on one side of zero: other pictures would give the same sign. */
export function excludesZero({ interval }: Estimate): boolean {
  return interval !== null && (interval.low > 0 || interval.high < 0)
}

/** The mean over domains, where tables and charts name a domain. */
export const ALL_DOMAINS = 'mean'

/** The row of the project's own merge. */
export const THIS_MERGE = 'this merge'

/** In tables of losses, a change of this share of the base's loss has a cell's full colour. */
export const FULL_COLOUR_CHANGE = 0.2

/** Cells of a model in the order of the domains, their mean last. */
export function cellsOf<Cell>({ domains, mean }: { domains: readonly Cell[]; mean: Cell }): Cell[] {
  return [...domains, mean]
}

/** A difference to the base as a part of the base's loss; null for the base itself. */
export function relativeChange({ loss, difference }: LossCell): number | null {
  return difference && difference.value / (loss.value - difference.value)
}
