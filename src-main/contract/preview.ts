import { z } from 'zod'
import { errorReportSchema } from './document/models'
import { previewSchema } from './document/project'
import { scorerSchema } from './evaluate/scores/scorers'
import { gridLabelsSchema, gridPlaceSchema } from './grid/grid'
import { seedSchema } from './values/seed'
import { variantSchema } from './values/variant'

/** Everything that a picture was made with. */
export const pictureSettingsSchema = z.object({
  variant: variantSchema,
  prompt: z.string(),
  negativePrompt: z.string(),
  seed: seedSchema,
  steps: z.number(),
  guidance: z.number(),
  scheduler: z.string(),
})

/** A model that a picture is of. */
export const pictureSourceSchema = z.object({
  name: z.string(),
  path: z.string(),
  /** Changes with the model's files. */
  state: z.string(),
  /** Of its files, where they have been hashed. */
  sha256: z.string().nullable(),
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
  /** The merge's models and method (document/merge-settings.ts); null for an unmerged model. */
  merge: z.string().nullable(),
  /** The models that it was made of, base first: pictures are shown where the project has all of them. */
  sources: z.array(pictureSourceSchema).default([]),
  /** By scorer, where it was scored. */
  scores: z.partialRecord(scorerSchema, z.number()).optional().catch(undefined),
  /** Its place in a grid; null: it is of none. */
  cell: gridPlaceSchema.nullable().default(null),
})

/** What pictures of a project are drawn with. */
export const drawingSchema = previewSchema.omit({ rollsSeeds: true })

/** A run as it was asked for: which cells there will be. Kept, so that a reload shows it while it is drawn. */
export const pictureRunSchema = z.object({
  /** The job that draws it. */
  id: z.string(),
  /** Milliseconds since 1970. */
  time: z.number(),
  sources: z.array(pictureSourceSchema),
  variants: z.array(variantSchema),
  prompts: z.array(z.string()),
  seeds: z.array(seedSchema),
  /** What its rows and columns are; null: it is no grid, but prompts and seeds by variants. */
  grid: gridLabelsSchema.nullable().default(null),
  /** The project's weights (document/merge-settings.ts) and drawing, from which it can be drawn again; null: not known. */
  asked: z.object({ merge: z.string(), drawing: drawingSchema }).nullable().catch(null).default(null),
})

/** What a PNG's `parameters` text says; null where it does not say. */
export const pngSettingsSchema = z.object({
  prompt: z.string(),
  negativePrompt: z.string(),
  seed: seedSchema.nullable(),
  steps: z.number().nullable(),
  guidance: z.number().nullable(),
  /** This program's name; null also where it has none like it. */
  scheduler: z.string().nullable(),
  /** As the picture names it. */
  sampler: z.string().nullable(),
  /** Noise levels other than the model's own, as the picture names them: 'Karras'. */
  schedule: z.string().nullable(),
  /** The merge that drew it, of the project's models (document/merge-settings.ts). */
  merge: z.string().nullable(),
  /** Names of its models that the project does not have. */
  missing: z.array(z.string()),
})

export const LIVE_STAGES = ['off', 'waiting', 'contributions', 'loading', 'summing', 'drawing', 'shown'] as const

/** A place in the live grid; `url` is null until its picture is there. */
const livePictureSchema = z.object({ prompt: z.string(), seed: seedSchema, url: z.string().nullable() })

/** How the weights of a live preview reach the network. */
export const liveFeedingSchema = z.object({
  /** Fed into a network that stays, or written once for a network that is built anew. */
  mode: z.enum(['fed', 'rebuilt']),
  /** Expected seconds of both ways, for all steps of the full pictures; null where one way is not open. */
  fedSeconds: z.number().nullable(),
  rebuiltSeconds: z.number(),
  /** Why weights cannot be fed, as a sentence; null where they can. */
  reason: z.string().nullable(),
})

/** The live preview: pictures of the merge as the project stands now, of one state of it at a time. */
export const liveStateSchema = z.object({
  stage: z.enum(LIVE_STAGES),
  /** Of the stage, 0 … 1. */
  progress: z.number(),
  feeding: liveFeedingSchema.nullable(),
  /** Size on disk of what the models contribute, and how much of it has to be computed; null where nothing is kept. */
  contributions: z.object({ bytes: z.number(), missingBytes: z.number() }).nullable(),
  /** Tensors that the last change summed again, of how many, and in how many seconds. */
  summed: z.object({ tensors: z.number(), of: z.number(), seconds: z.number() }).nullable(),
  /** From the change to the first whole grid, in seconds. */
  seconds: z.number().nullable(),
  /** Steps of the pictures that are shown; first few, then all. */
  steps: z.number(),
  /** Pictures of one state of the project and one number of steps: never of two. */
  pictures: z.array(livePictureSchema),
  /** Whether they show the project as it is now. */
  current: z.boolean(),
  error: errorReportSchema.nullable(),
})

export type LiveState = z.infer<typeof liveStateSchema>
export type LiveFeeding = z.infer<typeof liveFeedingSchema>
export type PictureSettings = z.infer<typeof pictureSettingsSchema>
export type Drawing = z.infer<typeof drawingSchema>
export type PictureSource = z.infer<typeof pictureSourceSchema>
export type PictureRun = z.infer<typeof pictureRunSchema>
export type Picture = z.infer<typeof pictureSchema>
export type PngSettings = z.infer<typeof pngSettingsSchema>

/** Runs of the UNet on one picture that it takes to draw so many pictures: guidance above 1 runs it twice. */
export function drawingRuns(
  pictures: number,
  { steps, guidance }: Pick<PictureSettings, 'steps' | 'guidance'>,
): number {
  return pictures * steps * (guidance > 1 ? 2 : 1)
}
