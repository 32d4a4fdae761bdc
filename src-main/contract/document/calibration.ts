import { z } from 'zod'
import { countSchema, MOST_COUNT, MOST_MODELS, MOST_PROMPTS, MOST_SAMPLES, nameSchema } from '../values/limits'
import { errorReportSchema } from './models'
import { promptSchema } from '../values/prompt'

/** What a model may run on while the inputs of its layers are gathered; 'none': it is left out. */
export const CALIBRATION_USES = ['data', 'prompts', 'none'] as const
export type CalibrationUse = (typeof CALIBRATION_USES)[number]

/** What somebody chose for a model. */
export const calibrationChoiceSchema = z.strictObject({
  /** Of the model. */
  name: nameSchema,
  use: z.enum(CALIBRATION_USES),
  /** Kept while it runs on something else; none: captions of its own domain. */
  prompts: z.array(promptSchema.min(1)).max(MOST_PROMPTS).default([]),
})

/** At which of its timesteps a model sees pictures with noise; the names are those of kohya's training scripts. */
export const timestepRangeSchema = z.object({
  /** The first of them. */
  minTimestep: z.number().int().nonnegative().max(MOST_COUNT).default(0),
  /** The one that they end before; null: all that the model was trained with. */
  maxTimestep: countSchema.nullable().default(null),
})

/** A project's own settings for its calibration. */
export const calibrationSettingsSchema = z.strictObject({
  /** S, columns per layer and model. */
  samples: z.number().int().positive().max(MOST_SAMPLES).default(1024),
  /** Of timesteps, noise and the choice of columns. */
  seed: z.number().int().nonnegative().default(0),
  /** At most so many for each model, evenly from its domains; null: all. */
  pictures: countSchema.nullable().default(null),
  ...timestepRangeSchema.shape,
  /** Of models that shall not run on pictures of their own domain. */
  choices: z.array(calibrationChoiceSchema).max(MOST_MODELS).default([]),
})

const calibrationSourceSchema = z.discriminatedUnion('kind', [
  /** Pictures of these domains with noise at these timesteps. */
  z.object({
    kind: z.literal('data'),
    domains: z.array(z.string()),
    pictures: z.number().int().positive(),
    timesteps: z.array(z.number().int().nonnegative()),
  }),
  /** While the model made pictures. */
  z.object({
    kind: z.literal('prompts'),
    prompts: z.array(promptSchema),
    steps: z.number().int().positive(),
    guidance: z.number(),
    scheduler: z.string(),
  }),
])

export const calibrationRecordSchema = z.object({
  format: z.literal('featurefusion-calibration'),
  version: z.literal(1),
  /** S, most columns per layer and model. */
  samples: z.number().int().positive(),
  seed: z.number().int().nonnegative(),
  models: z
    .array(
      z.object({
        name: z.string(),
        /** sha256 of the files with its UNet's weights. */
        sha256: z.array(z.string()).min(1),
        source: calibrationSourceSchema,
      }),
    )
    .min(1),
})

/** What a model would run on. */
const plannedModelSchema = z.object({
  name: z.string(),
  use: z.enum(CALIBRATION_USES),
  /** Training pictures of the domain of its name, or of all where there is none. */
  domains: z.array(z.string()),
  pictures: z.number(),
  /** At which these get noise. */
  timesteps: z.array(z.number()),
  /** Its own, or captions of those domains. */
  prompts: z.array(z.string()),
  /** How often its network would run. */
  runs: z.number(),
  /** Why it cannot; null: it can, or it is left out. */
  problem: errorReportSchema.nullable(),
})

/** Whether a calibration has what a model of the project needs: 'unknown' while its file is not hashed. */
export const CALIBRATION_FITS = ['fits', 'changed', 'absent', 'unknown'] as const

/** The calibration file that a project names. */
export const calibrationFileSchema = z.object({
  path: z.string(),
  bytes: z.number(),
  /** null where it cannot be read. */
  record: calibrationRecordSchema.nullable(),
  problem: errorReportSchema.nullable(),
  /** The project's models that take part; `needed`: by the method, which refuses to run without it. */
  models: z.array(z.object({ name: z.string(), fit: z.enum(CALIBRATION_FITS), needed: z.boolean() })),
})

export const calibrationPlanSchema = z.object({
  /** Of the models that take part, base first. */
  models: z.array(plannedModelSchema),
  /** Of the file, at most. */
  bytes: z.number(),
  file: calibrationFileSchema.nullable(),
})

export type CalibrationChoice = z.infer<typeof calibrationChoiceSchema>
export type CalibrationSettings = z.infer<typeof calibrationSettingsSchema>
export type TimestepRange = z.infer<typeof timestepRangeSchema>
/** What the inputs of a model's layers were gathered on. */
export type CalibrationSource = z.infer<typeof calibrationSourceSchema>
/** What a calibration file says of itself. */
export type CalibrationRecord = z.infer<typeof calibrationRecordSchema>
export type PlannedCalibration = z.infer<typeof plannedModelSchema>
export type CalibrationFile = z.infer<typeof calibrationFileSchema>
export type CalibrationPlan = z.infer<typeof calibrationPlanSchema>
