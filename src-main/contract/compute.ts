import { z } from 'zod'
import { clipReportSchema } from './evaluate/clip'
import { featureDriftSchema } from './evaluate/drift'
import { leaderboardEntrySchema, lossSummarySchema, roleSchema, unlearnedGainSchema } from './evaluate/losses'
import { foundWeightsSchema, SEARCH_STRATEGIES, searchReportSchema } from './evaluate/search'
import { clipSettingsSchema, evaluationSettingsSchema } from './evaluate/settings'
import { layerSummarySchema, MATRIX_KINDS, matrixSchema } from './inspect'
import { forecastSchema, jobResultSchema } from './jobs'
import { errorReportSchema } from './models'
import { liveFeedingSchema } from './preview'
import { projectSchema } from './project'
import { promptSchema } from './prompt'
import { seedSchema } from './seed'
import { providerStatusSchema } from './state'

/** What the host asks of the compute process. Paths are absolute, the provider is chosen already. */

const path = z.string().min(1)
const provider = providerStatusSchema.shape.provider
/** What the models predict; absent: what their files say. */
const prediction = projectSchema.shape.prediction

/** A model that pictures are made with; made by a merge first, where `merge` says so. */
const previewModel = z.object({
  key: z.string(),
  path,
  /** A whole pipeline that lends the parts that the model lacks. */
  base: path,
  merge: projectSchema.nullable(),
  prediction,
})

const previewPicture = z.object({
  id: z.string(),
  /** Key of its model. */
  model: z.string(),
  file: path,
  prompt: promptSchema,
  negativePrompt: promptSchema,
  seed: seedSchema,
  steps: z.number(),
  guidance: z.number(),
  scheduler: z.string(),
})

/** What is measured: a model's file, or a merge. */
const evaluatedRow = z.object({
  name: z.string(),
  role: roleSchema,
  path: path.nullable(),
  merge: projectSchema.nullable(),
})

const evaluationData = evaluationSettingsSchema
  .pick({ split: true, pictures: true, seed: true })
  .extend({ folder: path })

/** What a model runs on while the inputs of its layers are gathered (engine/calibrate/wishes.ts). */
const calibrationWish = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('data'), folder: path, splitSeed: z.number(), pictures: z.number().nullable() }),
  z.object({ kind: z.literal('prompts'), prompts: z.array(promptSchema) }),
])

/** The option of the compute process before the folders into which links in models may lead. */
export const LINKS_INSIDE = '--links-inside'

export const computeTaskSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hash'), paths: z.array(path), cacheFolder: path }),
  z.object({ type: z.literal('inspect'), project: projectSchema, provider }),
  z.object({
    type: z.literal('matrix'),
    project: projectSchema,
    provider,
    layer: z.string(),
    matrix: z.enum(MATRIX_KINDS),
    /** Where tiles are written: those of a draft into a folder beside it. */
    folder: path,
    /** Where the interface finds that folder. */
    url: z.string(),
  }),
  z.object({
    type: z.literal('preview'),
    models: z.array(previewModel),
    pictures: z.array(previewPicture),
    /** Found by the host: the compute process cannot start processes that try providers. */
    device: providerStatusSchema,
    cacheFolder: path,
  }),
  z.object({
    type: z.literal('live'),
    model: previewModel,
    /** The same pictures with few steps first, then with all. */
    stages: z.array(z.array(previewPicture).min(1)).min(1),
    device: providerStatusSchema,
    cacheFolder: path,
  }),
  z.object({
    type: z.literal('calibrate'),
    /** A whole pipeline; it lends what the models lack. */
    base: path,
    prediction,
    models: z.array(z.object({ name: z.string(), path, wish: calibrationWish })).min(1),
    samples: z.number(),
    seed: z.number(),
    /** The file to write. */
    path,
    overwrite: z.boolean(),
    device: providerStatusSchema,
    cacheFolder: path,
  }),
  z.object({
    type: z.literal('evaluate'),
    /** A whole pipeline; the others are measured in its network. */
    base: path,
    prediction,
    rows: z.array(evaluatedRow).min(1),
    /** Rows whose difference is one specialist. */
    pairs: z.array(z.object({ specialist: z.string(), before: z.string(), after: z.string() })),
    /** Whether methods are compared. */
    comparison: z.boolean(),
    data: evaluationData,
    device: providerStatusSchema,
    cacheFolder: path,
  }),
  z.object({
    type: z.literal('search'),
    project: projectSchema,
    strategy: z.enum(SEARCH_STRATEGIES),
    trials: z.number(),
    perBlock: z.boolean(),
    seed: z.number(),
    data: evaluationData,
    device: providerStatusSchema,
    cacheFolder: path,
  }),
  z.object({
    type: z.literal('clip'),
    /** A whole pipeline; the others draw in its network. */
    base: path,
    prediction,
    rows: z.array(evaluatedRow).min(1),
    clip: clipSettingsSchema.extend({ model: path }),
    data: evaluationData,
    device: providerStatusSchema,
    cacheFolder: path,
  }),
  z.object({
    type: z.literal('drift'),
    /** The merge: made first, if it is not at `path` yet. */
    project: projectSchema,
    path,
    data: evaluationData.extend({ domain: z.string().nullable() }),
    samples: z.number(),
    device: providerStatusSchema,
    cacheFolder: path,
  }),
  z.object({
    type: z.literal('unlearning'),
    project: projectSchema,
    /** Of the specialist. */
    name: z.string(),
    /** What losses are measured on; null: weights alone. */
    data: evaluationData.nullable(),
    device: providerStatusSchema,
    cacheFolder: path,
  }),
  z.object({ type: z.literal('forecast'), project: projectSchema, provider, cacheFolder: path }),
  z.object({
    type: z.literal('export'),
    project: projectSchema,
    provider,
    path,
    overwrite: z.boolean(),
    cacheFolder: path,
  }),
])

export const computeRequestSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('run'), id: z.number(), task: computeTaskSchema }),
  z.object({ type: z.literal('cancel'), id: z.number() }),
])

/** Of the same kind as the task. */
export const computeResultSchema = z.discriminatedUnion('kind', [
  jobResultSchema,
  z.object({ kind: z.literal('forecast'), forecast: forecastSchema }),
])

/** What comes while a task runs. */
export const computeNewsSchema = z.discriminatedUnion('type', [
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
  }),
  z.object({ type: z.literal('feature-drift'), drift: featureDriftSchema }),
  /** Of the rows that are scored so far. */
  z.object({ type: z.literal('clip-scores') }).extend(clipReportSchema.pick({ domains: true, scores: true }).shape),
  z.object({ type: z.literal('feeding'), feeding: liveFeedingSchema }),
  z.object({ type: z.literal('contributions'), bytes: z.number(), missingBytes: z.number() }),
  z.object({ type: z.literal('summed'), tensors: z.number(), of: z.number(), seconds: z.number() }),
])

export const computeMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('news'), id: z.number(), news: computeNewsSchema }),
  /** `memory`: resident bytes of the process afterwards; `held`: of them those of the model that stays loaded. */
  z.object({
    type: z.literal('done'),
    id: z.number(),
    result: computeResultSchema,
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

export type ComputeTask = z.infer<typeof computeTaskSchema>
export type ComputeRequest = z.infer<typeof computeRequestSchema>
export type ComputeResult = z.infer<typeof computeResultSchema>
export type ComputeResultOf<Task extends ComputeTask> = Extract<ComputeResult, { kind: Task['type'] }>
export type ComputeNews = z.infer<typeof computeNewsSchema>
export type ComputeMessage = z.infer<typeof computeMessageSchema>
