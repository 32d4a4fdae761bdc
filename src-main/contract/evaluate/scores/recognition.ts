import { z } from 'zod'
import { countSchema, guidanceSchema, MOST_PROMPTS, stepsSchema } from '../../values/limits'
import { estimateSchema, roleSchema } from '../losses'

/** What is drawn to be recognised. */
export const recognitionSettingsSchema = z.strictObject({
  /** Captions of each domain, the first ones; null: all. */
  prompts: countSchema.nullable().default(null),
  /** Pictures of each caption. */
  seeds: z.number().int().positive().max(MOST_PROMPTS).default(1),
  steps: stepsSchema.default(20),
  guidance: guidanceSchema.default(7.5),
})

/** What pictures are compared by: latents of the VAE, or the image embedding of a CLIP model. */
export const LIKENESSES = ['latents', 'clip'] as const

/** A caption whose pictures are nearer to a picture of another caption than to their own. */
const confusionSchema = z.object({
  domain: z.string(),
  caption: z.string(),
  /** The caption and the domain of the nearest picture; null: what was drawn is not a picture but NaN. */
  as: z.object({ domain: z.string(), caption: z.string() }).nullable(),
  /** How many were drawn so. */
  pictures: z.number(),
})

/** As engine/evaluate/recognition/recognition-summary.ts makes it. */
export const recognisedModelSchema = z.object({
  name: z.string(),
  role: roleSchema,
  /** By domain: the share of its pictures that are nearest to a reference picture of their own caption, 0 … 1. */
  domains: z.array(estimateSchema),
  /** Of the domains' shares: every domain counts the same. */
  mean: estimateSchema,
  /** The most frequent first. */
  confusions: z.array(confusionSchema),
})

/** What models drew, of those that have drawn. */
export const recognitionSchema = z.object({
  by: z.enum(LIKENESSES),
  settings: recognitionSettingsSchema,
  /** Captions that are drawn. */
  domains: z.array(z.object({ name: z.string(), prompts: z.number() })),
  /** Pictures that each drawn one is compared with. */
  references: z.number(),
  models: z.array(recognisedModelSchema),
})

export type RecognitionSettings = z.infer<typeof recognitionSettingsSchema>
export type Likeness = (typeof LIKENESSES)[number]
export type Confusion = z.infer<typeof confusionSchema>
export type RecognisedModel = z.infer<typeof recognisedModelSchema>
export type Recognition = z.infer<typeof recognitionSchema>
