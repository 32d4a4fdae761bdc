import { z } from 'zod'
import { unlearnedGainSchema } from './evaluate/losses'

/** ‖with − without‖ / ‖with‖; null where the merge is 0 with the model. */
const relativeChange = z.number().nullable()

/** What dropping a specialist changes, as the engine's unlearning report and unlearned gains tell it. */
export const unlearningSchema = z.object({
  /** Of the specialist. */
  name: z.string(),
  /** null for methods whose result is not a linear combination of what the models contribute. */
  change: z
    .object({
      total: relativeChange,
      /** In network order. */
      blocks: z.array(z.object({ block: z.string(), relative: relativeChange })),
    })
    .nullable(),
  /** Mean denoising losses on held-out pictures; null where there are none, or the merge is more than a UNet. */
  losses: z
    .object({
      domains: z.array(
        z.object({
          domain: z.string(),
          pictures: z.number(),
          base: z.number(),
          /** Of the merge with the specialist, and without it. */
          before: z.number(),
          after: z.number(),
        }),
      ),
      /** On the specialist's own domain, with intervals. */
      gain: unlearnedGainSchema,
    })
    .nullable(),
})

export type Unlearning = z.infer<typeof unlearningSchema>
export type UnlearningLosses = NonNullable<Unlearning['losses']>
