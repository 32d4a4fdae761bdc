import { z } from 'zod'

/** What a model's card shows for it: a picture that it drew, one from beside its file, or none. */
const modelPictureSchema = z.discriminatedUnion('source', [
  /** By the model itself, from the project's first prompt. `shipped`: drawn in advance, for the demo. */
  z.object({ source: z.enum(['drawn', 'shipped']), url: z.string(), prompt: z.string() }),
  /** `path`: for 'library.thumbnail'. */
  z.object({ source: z.literal('beside'), path: z.string() }),
  /** Not known yet. */
  z.object({ source: z.literal('waiting') }),
  /** `reason`: a sentence, where it cannot be drawn. */
  z.object({ source: z.literal('none'), reason: z.string().nullable() }),
])

/** How far a model is from its base, by a part of the rows of every matrix. */
export const ancestrySchema = z.object({
  /** ‖K − K₀‖ / ‖K₀‖ of the network; null where nothing can be compared. */
  change: z.number().nullable(),
  /** Of all weights of both; that of models of different ancestors is about 0. */
  cosine: z.number().nullable(),
  /** The same change block by block, in network order. */
  blocks: z.array(z.object({ block: z.string(), change: z.number() })),
})

export const modelCardSchema = z.object({
  path: z.string(),
  picture: modelPictureSchema,
  /** Of its weights (app/models/model-hash.ts); null until it is computed. */
  sha256: z.string().nullable(),
  /** Null for the base, and until it is measured. */
  ancestry: ancestrySchema.nullable(),
})

export type ModelPicture = z.infer<typeof modelPictureSchema>
export type ModelCard = z.infer<typeof modelCardSchema>
export type Ancestry = z.infer<typeof ancestrySchema>
