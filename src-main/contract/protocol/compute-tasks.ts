import { z } from 'zod'
import { fusedAdapterSchema, fusionRequestSchema } from '../adapter-fusion'
import { timestepRangeSchema } from '../document/calibration'
import { providerStatusSchema } from '../values/devices'
import { roleSchema } from '../evaluate/losses'
import { recognitionSettingsSchema } from '../evaluate/scores/recognition'
import { searchRequestSchema } from '../evaluate/search/search'
import { scorerFilesSchema, scorerSchema } from '../evaluate/scores/scorers'
import { dataSettingsSchema, scoreSettingsSchema } from '../evaluate/settings'
import { exportResultSchema, forecastSchema, verificationSchema } from '../export'
import { gridLabelsSchema } from '../grid/grid'
import { MATRIX_KINDS, matrixSchema } from '../inspect'
import { ancestrySchema } from '../model-cards'
import { projectSchema, strengthsSchema } from '../document/project'
import { promptSchema } from '../values/prompt'
import { seedSchema } from '../values/seed'
import type { TaggedUnion } from './tagged-union'
import { unlearningSchema } from '../unlearning'

/**
 * What the compute process can be asked for, by name: what a task takes, and what it gives. Paths are absolute, the
 * provider is chosen already. src-main/compute/tasks.ts has the function of each.
 */

const path = z.string().min(1)
const provider = providerStatusSchema.shape.provider
/** How the models are read: absent words are what their files say. */
const reading = { prediction: projectSchema.shape.prediction, ema: projectSchema.shape.ema }

/** Of an adapter; absent: 1. */
const strengths = strengthsSchema.optional()

/** A model that pictures are made with; made by a merge first, where `merge` says so. */
const previewModel = z.object({
  key: z.string(),
  path,
  /** A whole pipeline that lends the parts that the model lacks. */
  base: path,
  merge: projectSchema.nullable(),
  /** Of an adapter. */
  strengths,
  ...reading,
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
  /** What its PNG says of the weights. */
  origin: z.object({ settings: z.record(z.string(), z.string()), merge: z.string().nullable() }).optional(),
})

/** What is measured: a model's file, or a merge. */
const evaluatedRow = z.object({
  name: z.string(),
  role: roleSchema,
  path: path.nullable(),
  merge: projectSchema.nullable(),
  strengths,
  searchesScale: z.boolean().optional(),
})

const evaluationData = dataSettingsSchema.extend({ folder: path })

/** What a model runs on while the inputs of its layers are gathered (engine/calibrate/calibration-request.ts). */
const calibrationRequest = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('data'),
    folder: path,
    splitSeed: z.number(),
    pictures: z.number().nullable(),
    ...timestepRangeSchema.shape,
  }),
  z.object({ kind: z.literal('prompts'), prompts: z.array(promptSchema) }),
])

/** Tasks that people see as jobs. What comes in pieces (inspect rows, pictures) is not in the result again. */
export const JOB_TASKS = {
  /** Hashes files. */
  hash: {
    input: z.object({ paths: z.array(path), cacheFolder: path }),
    result: z.object({ files: z.array(z.object({ path: z.string(), sha256: z.string() })) }),
  },
  /** Summaries of all layers. */
  inspect: {
    input: z.object({ project: projectSchema, provider }),
    result: z.object({ layers: z.number() }),
  },
  /** One layer's P, S or C as tiles. */
  matrix: {
    input: z.object({
      project: projectSchema,
      provider,
      layer: z.string(),
      matrix: z.enum(MATRIX_KINDS),
      /** Where tiles are written: those of a draft into a folder beside it. */
      folder: path,
      /** Where the interface finds that folder. */
      url: z.string(),
    }),
    result: z.object({ matrix: matrixSchema }),
  },
  /** Pictures of models and merges. */
  preview: {
    input: z.object({
      models: z.array(previewModel),
      pictures: z.array(previewPicture),
      /** Found by the host: the compute process cannot start processes that try providers. */
      device: providerStatusSchema,
      cacheFolder: path,
    }),
    result: z.object({ pictures: z.number() }),
  },
  /** Pictures that follow the project. */
  live: {
    input: z.object({
      model: previewModel,
      /** The same pictures with few steps first, then with all. */
      stages: z.array(z.array(previewPicture).min(1)).min(1),
      device: providerStatusSchema,
      cacheFolder: path,
    }),
    result: z.object({}),
  },
  /** Real inputs of the layers of models. */
  calibrate: {
    input: z.object({
      /** A whole pipeline; it lends what the models lack. */
      base: path,
      ...reading,
      models: z.array(z.object({ name: z.string(), path, strengths, request: calibrationRequest })).min(1),
      samples: z.number(),
      seed: z.number(),
      /** The file to write. */
      path,
      overwrite: z.boolean(),
      device: providerStatusSchema,
      cacheFolder: path,
    }),
    result: z.object({ path: z.string(), bytes: z.number(), models: z.number() }),
  },
  /** Losses of models and merges on pictures. */
  evaluate: {
    input: z.object({
      /** A whole pipeline; the others are measured in its network. */
      base: path,
      ...reading,
      rows: z.array(evaluatedRow).min(1),
      /** Rows whose difference is one specialist. */
      pairs: z.array(z.object({ specialist: z.string(), before: z.string(), after: z.string() })),
      /** Whether methods are compared. */
      comparison: z.boolean(),
      /** What models draw to be recognised, and the CLIP model that it is compared by; null: nothing. */
      recognition: z.object({ drawing: recognitionSettingsSchema, clip: path.nullable() }).nullable(),
      data: evaluationData,
      device: providerStatusSchema,
      cacheFolder: path,
    }),
    result: z.object({ rows: z.number() }),
  },
  /** Better weights, or gains. */
  search: {
    input: z.object({
      project: projectSchema,
      ...searchRequestSchema.shape,
      /** Of gains: where the project's merge lies in the cache, made first if it is not there; null: weights are searched. */
      path: path.nullable(),
      /** What is drawn for the scorers that are aimed at. */
      scores: scoreSettingsSchema,
      scorers: scorerFilesSchema,
      data: evaluationData,
      device: providerStatusSchema,
      cacheFolder: path,
    }),
    result: z.object({ trials: z.number() }),
  },
  /** Scores of pictures that models draw. */
  scores: {
    input: z.object({
      /** A whole pipeline; the others draw in its network. */
      base: path,
      ...reading,
      rows: z.array(evaluatedRow).min(1),
      scores: scoreSettingsSchema,
      scorers: scorerFilesSchema,
      data: evaluationData,
      device: providerStatusSchema,
      cacheFolder: path,
    }),
    result: z.object({ scorers: z.number() }),
  },
  /** Scores of pictures that are there, by one scorer. */
  'score-pictures': {
    input: z.object({
      scorer: scorerSchema,
      scorers: scorerFilesSchema,
      pictures: z.array(z.object({ id: z.string(), file: path, prompt: promptSchema })).min(1),
      device: providerStatusSchema,
      cacheFolder: path,
    }),
    result: z.object({ pictures: z.number() }),
  },
  /** A merge's features against its models' own. */
  drift: {
    input: z.object({
      /** The merge: made first, if it is not at `path` yet. */
      project: projectSchema,
      path,
      data: evaluationData.extend({ domain: z.string().nullable() }),
      samples: z.number(),
      device: providerStatusSchema,
      cacheFolder: path,
    }),
    result: z.object({ layers: z.number() }),
  },
  /** What dropping a specialist changes. */
  unlearning: {
    input: z.object({
      project: projectSchema,
      /** Of the specialist. */
      name: z.string(),
      /** What losses are measured on; null: weights alone. */
      data: evaluationData.nullable(),
      device: providerStatusSchema,
      cacheFolder: path,
    }),
    result: z.object({ unlearning: unlearningSchema }),
  },
  /** A merge into a file or folder. */
  export: {
    input: z.object({
      project: projectSchema,
      provider,
      path,
      overwrite: z.boolean(),
      cacheFolder: path,
    }),
    result: z.object({ export: exportResultSchema }),
  },
  /** An export against what is written in it. */
  verify: {
    input: z.object({ path }),
    result: z.object({ verification: verificationSchema }),
  },
  /** A project's adapters as one adapter. */
  fuse: {
    input: z.object({
      project: projectSchema,
      request: fusionRequestSchema,
      path,
      overwrite: z.boolean(),
      cacheFolder: path,
    }),
    result: z.object({ adapter: fusedAdapterSchema }),
  },
}

/** Tasks that are too short to be jobs, or that nobody waits for. */
const SHORT_TASKS = {
  /** How far a model is from its base. */
  ancestry: {
    input: z.object({ base: path, path, strengths, ...reading }),
    result: z.object({ ancestry: ancestrySchema }),
  },
  /** A small picture of a model, for its card. */
  'card-picture': {
    input: z.object({
      model: previewModel,
      picture: previewPicture.omit({ id: true, model: true }),
      device: providerStatusSchema,
    }),
    result: z.object({}),
  },
  /** What an export would cost. */
  forecast: {
    input: z.object({ project: projectSchema, provider, cacheFolder: path }),
    result: z.object({ forecast: forecastSchema }),
  },
  /** A grid's pictures as one, with labels. */
  sheet: {
    input: z.object({
      labels: gridLabelsSchema,
      /** By table, row and column; null: not drawn. */
      files: z.array(z.array(z.array(path.nullable()))),
      target: path,
    }),
    result: z.object({ width: z.number(), height: z.number() }),
  },
}

export const COMPUTE_TASKS = { ...JOB_TASKS, ...SHORT_TASKS }

export type TaskName = keyof typeof COMPUTE_TASKS
export type ComputeTask = TaggedUnion<'type', typeof COMPUTE_TASKS, 'input'>
export type ComputeResult = TaggedUnion<'kind', typeof COMPUTE_TASKS, 'result'>
export type TaskOf<Name extends TaskName> = Extract<ComputeTask, { type: Name }>
export type ResultOf<Name extends TaskName> = Extract<ComputeResult, { kind: Name }>
