import { z } from 'zod'
import { resultHeadSchema } from './result-head'

/** Features of a merge against its models' own, combined by its coefficients (engine/calibrate/feature-drift.ts). */
export const featureDriftSchema = z.object({
  domains: z.array(z.string()),
  pictures: z.number(),
  /** Input columns of every layer that are compared. */
  samples: z.number(),
  /** In the order of the network. */
  layers: z.array(
    z.object({
      /** Module of the layer: the name of its weight without `.weight`. */
      layer: z.string(),
      block: z.string(),
      /** Relative distances: the layer by itself, on the base's inputs; and inside the running networks. null: no number. */
      alone: z.number().nullable(),
      inside: z.number().nullable(),
    }),
  ),
})

export const driftReportSchema = z.object({
  ...resultHeadSchema.shape,
  /** The method in words. */
  method: z.string(),
  drift: featureDriftSchema,
})

export type FeatureDrift = z.infer<typeof featureDriftSchema>
export type DriftReport = z.infer<typeof driftReportSchema>
