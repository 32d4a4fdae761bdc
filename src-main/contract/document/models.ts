import { z } from 'zod'
import { DENOISER_COMPONENTS } from '../values/denoisers'
import { ERROR_KINDS } from '../errors'

/** Shapes of what the engine reports about models; the engine's own types fit them (the handlers' types prove it). */

export const errorReportSchema = z.object({
  kind: z.enum(ERROR_KINDS),
  message: z.string(),
  detail: z.string().exactOptional(),
  hint: z.string().exactOptional(),
})

/** The networks of a checkpoint; 'model' holds everything of a file whose architecture is not known. */
export const COMPONENTS = [...DENOISER_COMPONENTS, 'text_encoder', 'text_encoder_2', 'vae', 'model'] as const
/** How files hold a model: what its format says (engine/checkpoint/formats). */
export const LAYOUTS = [
  'diffusers-pipeline',
  'diffusers-component',
  'single-file',
  'unet-file',
  'vae-file',
  'generic',
] as const
const component = z.enum(COMPONENTS)
const severity = z.enum(['error', 'warning'])
/** Number of stored tensors by element type. */
const elementTypes = z.record(z.string(), z.number())

/** A checkpoint as its headers tell it. */
export const checkpointSummarySchema = z.object({
  path: z.string(),
  layout: z.enum([...LAYOUTS, 'adapter']),
  architecture: z.string(),
  /** The architecture in words. */
  architectureTitle: z.string(),
  predictionType: z.enum(['epsilon', 'v_prediction', 'sample']).nullable(),
  components: z.array(z.object({ name: component, tensors: z.number(), parameters: z.number(), elementTypes })),
  parameters: z.number(),
  elementTypes,
  extras: z.array(z.string()),
  /** The same by what they are, in words. */
  leftAside: z.array(z.string()),
  /** How many weights of its UNet have an EMA copy in its file. */
  emaCopies: z.number(),
  /** Bytes of all weights files. */
  size: z.number(),
  /** Hashes are null until a job has computed them. */
  files: z.array(
    z.object({
      path: z.string(),
      size: z.number(),
      sha256: z.string().nullable(),
      shortHash: z.string().nullable(),
    }),
  ),
  /** By metadata key; 'featurefusion.recipe' is this program's own. */
  recipe: z.record(z.string(), z.unknown()).nullable(),
  modelspec: z.record(z.string(), z.string()),
  problems: z.array(z.object({ severity, message: z.string() })),
  /** Of an adapter (LoRA and the like), which is no model by itself. */
  adapter: z
    .object({
      kind: z.string(),
      modules: z.number(),
      ranks: z.array(z.number()),
      alphas: z.array(z.number()),
      /** The model, or the kind of model, that its metadata name. */
      base: z.string().nullable(),
      triggerWords: z.array(z.string()),
    })
    .nullable(),
})

/** What became of opening one path: one of the two is null. */
export const modelDescriptionSchema = z.object({
  path: z.string(),
  summary: checkpointSummarySchema.nullable(),
  error: errorReportSchema.nullable(),
})

export const incompatibilitySchema = z.object({
  severity,
  kind: z.enum(['family', 'prediction', 'missing-component', 'missing', 'extra', 'shape']),
  /** Path of the checkpoint that differs from the base. */
  path: z.string(),
  component,
  message: z.string(),
  hint: z.string().exactOptional(),
  tensors: z.array(
    z.object({
      name: z.string(),
      base: z.array(z.number()).readonly().nullable(),
      other: z.array(z.number()).readonly().nullable(),
    }),
  ),
})

/** A layer of the base that the method can merge, in network order. */
export const layerSchema = z.object({
  /** The weight's name in diffusers' form, without the component. */
  name: z.string(),
  /** All names of the weight, this one first: single files have others. */
  names: z.array(z.string()),
  component,
  /** BASE, IN00 …, M00, OUT00 …, VAE. */
  block: z.string(),
  /** n rows. */
  rows: z.number(),
  /** d inputs of a row. */
  inputs: z.number(),
  kind: z.enum(['linear', 'convolution']),
})

/** What a merge of the project works on. */
export const networkSchema = z.object({
  /** Labels of the UNet's blocks, in network order. */
  blocks: z.array(z.string()),
  layers: z.array(layerSchema),
  /** All names of every other tensor that layer patterns can weigh: norms, embeddings, biases. */
  otherTensors: z.array(z.array(z.string())),
})

export type CheckpointSummary = z.infer<typeof checkpointSummarySchema>
export type ModelDescription = z.infer<typeof modelDescriptionSchema>
export type IncompatibilityReport = z.infer<typeof incompatibilitySchema>
export type LayerInfo = z.infer<typeof layerSchema>
