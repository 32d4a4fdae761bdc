import { z } from 'zod'
import { DENOISER_COMPONENTS } from '../values/denoisers'
import { labelledWeights } from './blocks/block-labels'
import { calibrationSettingsSchema } from './calibration'
import { gridSchema } from '../grid/grid'
import { promptBookSchema } from './prompt-styles'
import { seedSchema } from '../values/seed'
import { evaluationSettingsSchema } from '../evaluate/settings'
import {
  guidanceSchema,
  MOST_BLOCKS,
  MOST_MODELS,
  MOST_PATTERNS,
  MOST_PROMPTS,
  MOST_SAMPLES,
  MOST_VARIANTS,
  nameSchema,
  pathSchema,
  patternSchema,
  stepsSchema,
  weightSchema,
} from '../values/limits'
import { NORMALISER, THRESHOLD, type STATISTICS } from '../methods/feature-fusion'
import { describedMethod, METHOD_NAMES, type MethodName } from '../methods/index'
import { needOf, parameterSchemas, parameterValue, type ValueOf } from '../methods/settings'
import { promptSchema } from '../values/prompt'
import { variantSchema } from '../values/variant'

export { METHOD_NAMES, type MethodName }

/** What merged rows can be divided by. */
export const NORMALISERS = NORMALISER.choices.map(({ value }) => value)
export const OUTPUT_LAYOUTS = ['same', 'diffusers', 'single-file'] as const
export const OUTPUT_TYPES = ['same', 'fp16', 'bf16', 'fp32', 'fp8', 'fp8-scaled'] as const
/** What a UNet was trained to predict; diffusers' names. */
export const PREDICTION_TYPES = ['epsilon', 'v_prediction', 'sample'] as const
/** Whether EMA copies of a UNet's weights, where its file has some, take the place of the weights. */
export const EMA_USES = ['use', 'drop'] as const
export const MERGEABLE_COMPONENTS = [...DENOISER_COMPONENTS, 'text_encoder', 'text_encoder_2', 'vae'] as const

export type Statistics = ValueOf<typeof STATISTICS>
export type Normaliser = ValueOf<typeof NORMALISER>
export type PredictionType = (typeof PREDICTION_TYPES)[number]
export type EmaUse = (typeof EMA_USES)[number]
export type OutputLayout = (typeof OUTPUT_LAYOUTS)[number]
export type OutputType = (typeof OUTPUT_TYPES)[number]

/** How strongly an adapter changes the parts of a model: 0 leaves a part as it is, 1 is the adapter as it was trained. */
export const strengthsSchema = z.strictObject({
  unet: weightSchema.default(1),
  textEncoder: weightSchema.default(1),
})

/** Numbers by layer: patterns over tensor names (layer-patterns.ts); the last match counts. */
const layersSchema = z
  .array(z.strictObject({ pattern: patternSchema, weight: weightSchema }))
  .max(MOST_PATTERNS)
  .default([])

/** A model of a merge. Its weight holds everywhere except where a block or a layer pattern says otherwise. */
export const modelSchema = z.strictObject({
  name: nameSchema,
  path: pathSchema,
  /** sha256 of the weights file when the project was saved; only used to notice that it is another file now. */
  sha256: z.string().max(200).optional(),
  weight: weightSchema.default(1),
  /** False: dropped ('unlearned'); the weights stay for later. */
  enabled: z.boolean().default(true),
  /** Weight by block: BASE, IN00 …, M00, OUT00 …, in any case. */
  blocks: z
    .record(z.string().max(20), weightSchema)
    .refine((blocks) => Object.keys(blocks).length <= MOST_BLOCKS, `There are at most ${MOST_BLOCKS} blocks.`)
    .transform((weights, context) => {
      const labelled = labelledWeights(weights)
      if (typeof labelled !== 'string') return labelled
      context.addIssue(`The block ${labelled} has two weights.`)
      return z.NEVER
    })
    .default({}),
  /** Weight by layer. */
  layers: layersSchema,
  /** Of an adapter (LoRA and the like); other models have none. Absent: 1. */
  strengths: strengthsSchema.optional(),
})

/** Method and parameters of all methods; what a method does not use is ignored by it. */
export const methodSchema = z.strictObject({
  name: z.enum(METHOD_NAMES).default('featurefusion'),
  ...parameterSchemas,
  /**
   * Merge by what every model contributes to a layer, kept on disk: other weights then cost a sum. Differs from the
   * direct merge by float16's precision of the differences (FeatureFusion; linear methods need nothing kept).
   */
  reuse: z.boolean().default(false),
  /** Put the hidden units of every specialist into the order of the base's first (git re-basin). */
  align: z.boolean().default(false),
  /** What layers are multiplied by once they are merged, whatever the method; 1 where nothing matches. */
  gains: layersSchema,
  /** Layers that names and shapes do not tell: transposed and grouped convolutions, by pattern (the last match counts). */
  layerKinds: z
    .array(
      z.strictObject({
        pattern: patternSchema,
        transposedConvolution: z.boolean().default(false),
        groups: z.number().int().positive().max(MOST_SAMPLES).default(1),
      }),
    )
    .max(MOST_PATTERNS)
    .default([]),
  /** The file with real inputs of every layer, for methods and settings that need them. */
  calibration: pathSchema.optional(),
})

/** A shard of fewer bytes would make thousands of files. */
const LEAST_SHARD_BYTES = 100_000

/** Characters of a picture that is embedded: 256 × 256 pixels as a JPEG are a tenth of it. */
const MOST_THUMBNAIL = 300_000

export const outputSchema = z.strictObject({
  path: pathSchema.optional(),
  layout: z.enum(OUTPUT_LAYOUTS).default('same'),
  dtype: z.enum(OUTPUT_TYPES).default('same'),
  include: z
    .array(z.enum(MERGEABLE_COMPONENTS))
    .max(MERGEABLE_COMPONENTS.length)
    .default([...DENOISER_COMPONENTS]),
  /** Bytes above which a weights file of a folder is divided into shards with an index; absent: none is. */
  shardBytes: z.int().min(LEAST_SHARD_BYTES).optional(),
  /** A VAE to bake in instead of the base's. */
  vae: pathSchema.optional(),
  title: z.string().max(1000).optional(),
  author: z.string().max(1000).optional(),
  license: z.string().max(1000).optional(),
  notes: z.string().max(20_000).optional(),
  /** A small picture as a data URI, as modelspec has it. */
  thumbnail: z
    .string()
    .max(MOST_THUMBNAIL)
    .regex(/^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2}$/, 'A picture as a data URI.')
    .optional(),
})

/** A picture that the project wants to see. */
export const previewSchema = z.strictObject({
  prompts: z.array(promptSchema).max(MOST_PROMPTS).default([]),
  negativePrompt: promptSchema.default(''),
  seeds: z.array(seedSchema).max(MOST_PROMPTS).default([0]),
  steps: stepsSchema.default(20),
  guidance: guidanceSchema.default(7.5),
  scheduler: z.string().max(100).default('ddim'),
  /** What draws them; absent: DEFAULT_VARIANTS. */
  variants: z.array(variantSchema).max(MOST_VARIANTS).optional(),
  /** Lists of prompts and styles that the project keeps. */
  book: promptBookSchema.optional(),
  /** Other seeds with every run. */
  rollsSeeds: z.boolean().optional(),
  /** The axes of the grid that is drawn next. */
  grid: gridSchema.optional(),
})

/** Snapshots that a project keeps. */
export const MOST_SNAPSHOTS = 24
/** A small picture as text: every change of the project is told with all of them. */
const MOST_PICTURE_CHARACTERS = 12_000

/** A state of the weights that somebody kept. It has no paths: models are known by their names. */
export const tuneSnapshotSchema = z.strictObject({
  name: nameSchema,
  /** Milliseconds since 1970, when it was kept; no two have the same. */
  time: z.number(),
  models: z
    .array(modelSchema.pick({ name: true, weight: true, enabled: true, blocks: true, layers: true, strengths: true }))
    .max(MOST_MODELS),
  method: methodSchema.omit({ calibration: true, reuse: true }),
  include: outputSchema.shape.include,
  /** What the merge drew then, small; null where nothing was drawn. */
  picture: z
    .string()
    .max(MOST_PICTURE_CHARACTERS)
    .regex(/^data:image\/(jpeg|png);base64,[A-Za-z0-9+/=]+$/)
    .nullable(),
})

/** A project document, `*.fusion.json` (architecture.md, rule 10). The first model is the base. */
export const projectSchema = z.strictObject({
  format: z.literal('featurefusion-project'),
  version: z.literal(1),
  models: z.array(modelSchema).max(MOST_MODELS, `A project has at most ${MOST_MODELS} models.`),
  /** What the models predict; absent: what their files say. */
  prediction: z.enum(PREDICTION_TYPES).optional(),
  /** What becomes of EMA copies in the models' files; absent: they are dropped. */
  ema: z.enum(EMA_USES).optional(),
  method: methodSchema.default(methodSchema.parse({})),
  output: outputSchema.default(outputSchema.parse({})),
  preview: previewSchema.default(previewSchema.parse({})),
  evaluation: evaluationSettingsSchema.default(evaluationSettingsSchema.parse({})),
  calibration: calibrationSettingsSchema.default(calibrationSettingsSchema.parse({})),
  snapshots: z.array(tuneSnapshotSchema).max(MOST_SNAPSHOTS).default([]),
})

export type AdapterStrengths = z.infer<typeof strengthsSchema>
export type ModelEntry = z.infer<typeof modelSchema>
export type MethodSettings = z.infer<typeof methodSchema>
export type OutputSettings = z.infer<typeof outputSchema>
export type PreviewSettings = z.infer<typeof previewSchema>
export type TuneSnapshot = z.infer<typeof tuneSnapshotSchema>
export type Project = z.infer<typeof projectSchema>

/** The threshold that holds (method.md, 'Normalisation and merge'). */
export function thresholdOf(settings: MethodSettings): number | 'auto' {
  return parameterValue(THRESHOLD, settings) as ValueOf<typeof THRESHOLD>
}

/** Whether a merge learns from calibration data. */
export function needsCalibration(settings: MethodSettings): boolean {
  return needOf(describedMethod(settings.name), settings) !== null
}

/** How models are read where their files leave it open: what a person says of their prediction and EMA copies. */
export interface Reading {
  prediction?: PredictionType | undefined
  ema?: EmaUse | undefined
}

/** How a project's models are read; what is not said is absent. */
export function readingOf({ prediction, ema }: Reading): Pick<Project, 'prediction' | 'ema'> {
  return { ...(prediction !== undefined && { prediction }), ...(ema !== undefined && { ema }) }
}

/** The project with other words on how its models are read; null: what their files say, and no EMA copies. */
export function withReading(
  project: Project,
  { prediction, ema }: { prediction?: PredictionType | null; ema?: EmaUse | null },
): Project {
  const { prediction: _prediction, ema: _ema, ...rest } = project
  return {
    ...rest,
    ...readingOf({
      prediction: prediction === undefined ? project.prediction : (prediction ?? undefined),
      ema: ema === undefined ? project.ema : (ema ?? undefined),
    }),
  }
}

/** The project with one of its models changed: dropped, weighed otherwise. */
export function withModel(project: Project, name: string, change: Partial<ModelEntry>): Project {
  return { ...project, models: project.models.map((model) => (model.name === name ? { ...model, ...change } : model)) }
}

/** The base and the specialists that take part, base first: what a merge is of. */
export function takingPart<Model extends Pick<ModelEntry, 'enabled'>>(models: readonly Model[]): Model[] {
  return models.filter(({ enabled }, index) => index === 0 || enabled)
}
