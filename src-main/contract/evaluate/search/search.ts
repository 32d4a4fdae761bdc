import { z } from 'zod'
import { aimsSchema, LOSS_ALONE } from './aims'
import { pairedSchema } from '../losses'
import { resultHeadSchema } from '../result-head'

/**
 * What shares a weight: the whole network, each of its stages (BASE: embeddings of time and conditions; down, middle, up),
 * or every block.
 */
export const GROUPINGS = ['all', 'stages', 'blocks'] as const
export type Grouping = (typeof GROUPINGS)[number]

export const SEARCH_STRATEGIES = ['greedy-once', 'greedy-repeated', 'cma-es'] as const

/** What is searched: the models' weights, or gains of what the merge's blocks add. */
export const SEARCH_SPACES = ['weights', 'gains'] as const
export type SearchSpaceName = (typeof SEARCH_SPACES)[number]

/** What of CMA-ES races at once: a trial, against all trials before it; or a whole generation, which can be shared out. */
export const RACE_ROUNDS = ['trial', 'generation'] as const
export type RaceRound = (typeof RACE_ROUNDS)[number]

/** What a person asks a search for. */
export const searchRequestSchema = z
  .strictObject({
    strategy: z.enum(SEARCH_STRATEGIES),
    /** Of CMA-ES alone. */
    trials: z.number().int().min(2).max(10_000).default(100),
    space: z.enum(SEARCH_SPACES).default('weights'),
    groups: z.enum(GROUPINGS).default('all'),
    /** Trials that are certainly worse end early. */
    race: z.boolean().default(true),
    aims: aimsSchema.default([...LOSS_ALONE]),
    seed: z.number().int().nonnegative().default(0),
  })
  .refine(({ space, strategy }) => space === 'weights' || strategy === 'cma-es', 'Gains are searched by CMA-ES.')

/** Weights of a model that a search found. */
export const foundWeightsSchema = z.object({
  name: z.string(),
  weight: z.number(),
  blocks: z.record(z.string(), z.number()),
  /** By layer, where the search gives them: the gains of blocks. */
  layers: z.array(z.object({ pattern: z.string(), weight: z.number() })).default([]),
})

/** What a race measured of what all trials have: a unit is a picture at a timestep. */
const workSchema = z.object({
  /** Trials that ended early. */
  stopped: z.number(),
  measured: z.number(),
  units: z.number(),
})

/** Losses on the two halves of the data. */
const halvesSchema = z.object({ search: z.number(), check: z.number() })

export const searchReportSchema = z.object({
  job: z.string(),
  ...resultHeadSchema.shape,
  strategy: z.enum(SEARCH_STRATEGIES),
  space: z.enum(SEARCH_SPACES).default('weights'),
  groups: z.enum(GROUPINGS).default('all'),
  /** What its figures are of. */
  aims: aimsSchema.default([...LOSS_ALONE]),
  /** How many will be tried; null while that is not known (greedy). */
  planned: z.number().nullable(),
  /** Pictures that weights are chosen on, and pictures that the search never sees. */
  pictures: halvesSchema.nullable(),
  /** Losses of what the result is compared with. */
  base: halvesSchema.nullable(),
  soup: halvesSchema.nullable(),
  trials: z.array(
    z.object({
      index: z.number(),
      score: z.number().nullable(),
      /** Certainly worse than the best before it; the score is an estimate. */
      isStopped: z.boolean().default(false),
      isBest: z.boolean(),
    }),
  ),
  /** Absent until its end. */
  work: workSchema.nullable().default(null),
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

export type SearchRequest = z.infer<typeof searchRequestSchema>
export type SearchStrategy = (typeof SEARCH_STRATEGIES)[number]
export type SearchWork = z.infer<typeof workSchema>
export type FoundWeights = z.infer<typeof foundWeightsSchema>
export type SearchReport = z.infer<typeof searchReportSchema>
