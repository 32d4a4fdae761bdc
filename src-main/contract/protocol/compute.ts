import { z } from 'zod'
import { COMPUTE_TASKS } from './compute-tasks'
import { featureDriftSchema } from '../evaluate/drift'
import { leaderboardEntrySchema, lossSummarySchema, unlearnedGainSchema } from '../evaluate/losses'
import { recognitionSchema } from '../evaluate/scores/recognition'
import { scoreReportSchema } from '../evaluate/scores/scores'
import { foundWeightsSchema, searchReportSchema } from '../evaluate/search/search'
import { layerSummarySchema, matrixSchema } from '../inspect'
import { errorReportSchema } from '../document/models'
import { liveFeedingSchema } from '../preview'
import { taggedUnion } from './tagged-union'

/** What host and compute process say to each other. */

/** The option of the compute process before the folders into which links in models may lead. */
export const LINKS_INSIDE = '--links-inside'

export const computeRequestSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('run'), id: z.number(), task: taggedUnion('type', COMPUTE_TASKS, 'input') }),
  z.object({ type: z.literal('cancel'), id: z.number() }),
])

/** What comes while a task runs. */
export const computeEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress'), phase: z.string(), fraction: z.number() }),
  /** `last`: no more rows will come. */
  z.object({ type: z.literal('rows'), rows: z.array(layerSummarySchema), last: z.boolean() }),
  /** A draft, before the result. */
  z.object({ type: z.literal('matrix-draft'), matrix: matrixSchema }),
  z.object({ type: z.literal('picture'), id: z.string(), width: z.number(), height: z.number() }),
  /** Of the rows that are measured so far. */
  z.object({
    type: z.literal('losses'),
    summary: lossSummarySchema,
    unlearned: z.array(unlearnedGainSchema),
    recognition: recognitionSchema.nullable(),
    leaderboard: z.array(leaderboardEntrySchema).nullable(),
    verdict: z.string().nullable(),
  }),
  z.object({ type: z.literal('row-failed'), name: z.string(), error: errorReportSchema }),
  z.object({ type: z.literal('search'), search: searchReportSchema.pick({ pictures: true, base: true, soup: true }) }),
  z.object({
    type: z.literal('trial'),
    trial: searchReportSchema.shape.trials.element,
    /** Where it is the best so far. */
    models: z.array(foundWeightsSchema).nullable(),
  }),
  z.object({
    type: z.literal('found'),
    best: searchReportSchema.shape.best.unwrap(),
    check: searchReportSchema.shape.check,
    work: searchReportSchema.shape.work.unwrap().unwrap(),
  }),
  z.object({ type: z.literal('feature-drift'), drift: featureDriftSchema }),
  /** Of the scorers that are done. */
  z.object({ type: z.literal('scores') }).extend(scoreReportSchema.pick({ domains: true, scores: true }).shape),
  z.object({
    type: z.literal('picture-scores'),
    scores: z.array(z.object({ id: z.string(), score: z.number() })),
  }),
  /** One model's pictures are drawn: seconds that its weights took, and that its UNet ran for, with how many runs. */
  z.object({ type: z.literal('drawn'), readying: z.number(), drawing: z.number(), runs: z.number() }),
  z.object({ type: z.literal('feeding'), feeding: liveFeedingSchema }),
  z.object({ type: z.literal('contributions'), bytes: z.number(), missingBytes: z.number() }),
  z.object({ type: z.literal('summed'), tensors: z.number(), of: z.number(), seconds: z.number() }),
])

export const computeMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('event'), id: z.number(), event: computeEventSchema }),
  /** `memory`: resident bytes of the process afterwards; `held`: of them those of the model that stays loaded. */
  z.object({
    type: z.literal('done'),
    id: z.number(),
    result: taggedUnion('kind', COMPUTE_TASKS, 'result'),
    memory: z.number(),
    held: z.number(),
  }),
  z.object({
    type: z.literal('failed'),
    id: z.number(),
    error: errorReportSchema,
    memory: z.number(),
    held: z.number(),
  }),
])

export type ComputeRequest = z.infer<typeof computeRequestSchema>
export type ComputeEvent = z.infer<typeof computeEventSchema>
export type ComputeMessage = z.infer<typeof computeMessageSchema>
