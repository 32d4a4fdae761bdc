import { z } from 'zod'

/** By stratum and unit. JSON writes what is not finite as null: a network that is ruined is not measured again. */
const unitValues = z.array(z.array(z.union([z.number(), z.null().transform(() => NaN)])))

/** A model that was measured whole. */
export const modelOutcomeSchema = z.object({ values: unitValues })

/** What a trial was found to be. */
export const trialOutcomeSchema = z.object({
  /** null where it was not measured to its end, or is ruined. */
  values: unitValues.nullable(),
  /** Infinity of a network that is ruined. */
  score: z.union([z.number(), z.null().transform(() => Infinity)]),
  isStopped: z.boolean(),
  /** Units. */
  measured: z.number(),
})
export type TrialOutcome = z.output<typeof trialOutcomeSchema>
