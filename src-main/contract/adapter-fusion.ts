import { z } from 'zod'
import { LORA_FORMATS, LORA_TYPES, type LoraTypeName } from './adapter-files'
import { countSchema, weightSchema } from './values/limits'

/** How adapters become one adapter: what is done beside adding up. */
export const FUSION_METHODS = {
  sum: {
    title: 'Sum',
    summary: 'Adds up what the adapters do, each times its weight. Exact where no rank is given.',
  },
  'core-space': {
    title: 'Core Space',
    summary: 'Merges by a method for whole models, in the small space that the factors of all adapters span.',
  },
  ssr: {
    title: 'SSR-Merge',
    summary: 'Leads real inputs of a layer to the adapter that they belong to. Needs calibration data.',
  },
  'np-lora': {
    title: 'NP-LoRA',
    summary:
      'Adds a content (first) and a style (second), the content without what lies in the directions of the style.',
  },
} as const
export type FusionMethodName = keyof typeof FUSION_METHODS
export const FUSION_METHOD_NAMES = Object.keys(FUSION_METHODS) as [FusionMethodName, ...FusionMethodName[]]

/** What merges in Core Space: as the methods of the same names merge whole models. */
export const CORE_METHODS = ['tsv', 'iso-c', 'ties', 'sum', 'mean'] as const

/** How adapters are fused; what a method does not use is ignored by it. */
export const fusionSettingsSchema = z.strictObject({
  method: z.enum(FUSION_METHOD_NAMES).default('sum'),
  /** Core Space. */
  inner: z.enum(CORE_METHODS).default('tsv'),
  /** Core Space with TIES: part of every adapter's entries that is kept. */
  density: z.number().gt(0).max(1).default(0.5),
  /** SSR: added to the diagonal of the inputs' Gram matrix. */
  ridge: z.number().gt(0).max(1e6).default(1e-4),
  /** NP-LoRA: how much is taken out of the style's directions, s / (1 + s); null: all. */
  projection: weightSchema.min(0).nullable().default(0.5),
})
export type FusionSettings = z.infer<typeof fusionSettingsSchema>

/** The settings that the method uses. */
export function usedSettings(settings: FusionSettings): Partial<FusionSettings> {
  const { method, inner, density, ridge, projection } = settings
  return {
    method,
    ...(method === 'core-space' && { inner, ...(inner === 'ties' && { density }) }),
    ...(method === 'ssr' && { ridge }),
    ...(method === 'np-lora' && { projection }),
  }
}

/** What is kept of every layer: all ranks together, so many, or as many as a part of its change takes. */
export const ADAPTER_CUTS = ['all', 'rank', 'energy'] as const

/** One adapter to be made of a project's. */
export const fusionRequestSchema = z.strictObject({
  fusion: fusionSettingsSchema.prefault({}),
  cut: z.enum(ADAPTER_CUTS).default('all'),
  rank: countSchema.default(32),
  /** The part of Σ σ² that is kept of every layer. */
  energy: z.number().gt(0).max(1).default(0.95),
  /** Of convolutions larger than 1 × 1, where it differs and layers are cut. */
  convolutionRank: countSchema.nullable().default(null),
  format: z.enum(LORA_FORMATS).default('kohya'),
  type: z.enum(Object.keys(LORA_TYPES) as [LoraTypeName, ...LoraTypeName[]]).default('fp16'),
})
export type FusionRequest = z.infer<typeof fusionRequestSchema>

/** What a fused adapter holds, and what it does not. */
export const fusedAdapterSchema = z.object({
  path: z.string(),
  bytes: z.number(),
  seconds: z.number(),
  layers: z.number(),
  /** The least and the largest of its layers; null where it has none. */
  ranks: z.tuple([z.number(), z.number()]).nullable(),
  /** Of all layers together, as a part of what the adapters change. */
  relativeError: z.number(),
  /** How many norms and biases it holds whole. */
  whole: z.number(),
  /** Said of the models, and of what is left out. */
  notes: z.array(z.string()),
})
export type FusedAdapter = z.infer<typeof fusedAdapterSchema>
