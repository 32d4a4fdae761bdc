import { z } from 'zod'

/** What makes a picture: the base, a specialist, or a merge of the project as it stands. */
export const variantSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('base') }),
  z.strictObject({ type: z.literal('model'), name: z.string().min(1) }),
  z.strictObject({ type: z.literal('soup') }),
  z.strictObject({ type: z.literal('merge') }),
  /** The merge of the last preview whose settings were other ones. */
  z.strictObject({ type: z.literal('last-merge') }),
  z.strictObject({ type: z.literal('without'), name: z.string().min(1) }),
])

/** Everything that a picture was made with. */
export const pictureSettingsSchema = z.object({
  variant: variantSchema,
  prompt: z.string(),
  negativePrompt: z.string(),
  seed: z.number(),
  steps: z.number(),
  guidance: z.number(),
  scheduler: z.string(),
})

export const pictureSchema = z.object({
  id: z.string(),
  /** The job that made it. */
  job: z.string(),
  /** Milliseconds since 1970. */
  time: z.number(),
  width: z.number(),
  height: z.number(),
  /** PNG, relative to the interface's root. */
  url: z.string(),
  settings: pictureSettingsSchema,
  /** The merge's models and method as JSON, equal for equal merges; null for an unmerged model. */
  merge: z.string().nullable(),
})

/** What a PNG's `parameters` text says; null where it does not say. */
export const pngSettingsSchema = z.object({
  prompt: z.string(),
  negativePrompt: z.string(),
  seed: z.number().nullable(),
  steps: z.number().nullable(),
  guidance: z.number().nullable(),
  /** This program's name; null also where it has none like it. */
  scheduler: z.string().nullable(),
  /** As the picture names it. */
  sampler: z.string().nullable(),
  /** Noise levels other than the model's own, as the picture names them: 'Karras'. */
  schedule: z.string().nullable(),
})

export type Variant = z.infer<typeof variantSchema>
export type PictureSettings = z.infer<typeof pictureSettingsSchema>
export type Picture = z.infer<typeof pictureSchema>
export type PngSettings = z.infer<typeof pngSettingsSchema>
