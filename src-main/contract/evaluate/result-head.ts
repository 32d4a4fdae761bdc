import { z } from 'zod'
import { modelIdentitySchema } from '../document/names/model-identity'
import { SPLITS } from './settings'

/** What every kept result of an evaluation says of itself: of which project and which pictures it is. */
export const resultHeadSchema = z.object({
  /** Milliseconds since 1970, of the start. */
  time: z.number(),
  /** evaluationKey of the project that was measured. */
  key: z.string(),
  /** Of the project, base first: it is shown for no others. */
  models: z.array(modelIdentitySchema).default([]),
  folder: z.string(),
  split: z.enum(SPLITS),
})
export type ResultHead = z.infer<typeof resultHeadSchema>
