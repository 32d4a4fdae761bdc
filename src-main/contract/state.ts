import { z } from 'zod'
import { blockPresetSchema, MOST_PRESETS } from './document/blocks/block-presets'
import { calibrationSettingsSchema } from './document/calibration'
import { DEVICES } from './values/devices'
import { evaluationSettingsSchema } from './evaluate/settings'
import { jobSchema, queueStateSchema } from './jobs'
import { MOST_MODELS, nameSchema, pathSchema } from './values/limits'
import { errorReportSchema } from './document/models'
import { liveStateSchema } from './preview'
import {
  methodSchema,
  modelSchema,
  outputSchema,
  EMA_USES,
  PREDICTION_TYPES,
  previewSchema,
  projectSchema,
} from './document/project'

/** One change of the document. Models are known by their names, which are unique. */
export const editSchema = z.discriminatedUnion('type', [
  /** Names are made from the paths where none is given, and made unique. */
  z.strictObject({
    type: z.literal('add-models'),
    models: z
      .array(z.strictObject({ path: pathSchema, name: nameSchema.optional() }))
      .min(1)
      .max(MOST_MODELS),
  }),
  z.strictObject({ type: z.literal('remove-model'), name: z.string() }),
  /** To 0: it becomes the base. */
  z.strictObject({ type: z.literal('move-model'), name: z.string(), to: z.number().int().nonnegative() }),
  /** Replaces the entry: rename, weight, enabled, blocks, layers. */
  z.strictObject({ type: z.literal('set-model'), name: z.string(), model: modelSchema }),
  z.strictObject({ type: z.literal('set-method'), method: methodSchema }),
  z.strictObject({ type: z.literal('set-output'), output: outputSchema }),
  /** Null: what their files say. */
  z.strictObject({ type: z.literal('set-prediction'), prediction: z.enum(PREDICTION_TYPES).nullable() }),
  /** Null: they are dropped. */
  z.strictObject({ type: z.literal('set-ema'), ema: z.enum(EMA_USES).nullable() }),
  z.strictObject({ type: z.literal('set-preview'), preview: previewSchema }),
  z.strictObject({ type: z.literal('set-evaluation'), evaluation: evaluationSettingsSchema }),
  z.strictObject({ type: z.literal('set-calibration'), calibration: calibrationSettingsSchema }),
  z.strictObject({ type: z.literal('set-snapshots'), snapshots: projectSchema.shape.snapshots.unwrap() }),
])

/** The document and all that the interface shows about it. Paths inside `project` are absolute here. */
export const projectStateSchema = z.object({
  project: projectSchema,
  /** The file it was opened from or saved to; null: it has none yet. */
  path: z.string().nullable(),
  /** The file's name without its ending, or 'Untitled'. */
  title: z.string(),
  /** Changed since it was saved. */
  dirty: z.boolean(),
  /** True after a crash: these are autosaved changes that no file has. */
  recovered: z.boolean(),
  /** Grows with every change. */
  revision: z.number(),
  /** What undo and redo would do, in words; null where there is nothing. */
  undo: z.string().nullable(),
  redo: z.string().nullable(),
})

const seenSchema = z.array(z.string().max(40)).max(50)

export const settingsSchema = z.strictObject({
  theme: z.enum(['system', 'dark', 'light']).default('dark'),
  device: z.enum(DEVICES).default('auto'),
  /** Where results that can be computed again lie; null: the program's own place. */
  cacheFolder: pathSchema.nullable().default(null),
  cacheLimitBytes: z
    .number()
    .int()
    .nonnegative()
    .default(20 * 2 ** 30),
  /** Where the file browser starts, and where a recipe's sources are looked for. */
  modelFolders: z.array(pathSchema).max(50).default([]),
  /** Whether jobs give way to other programs. */
  lowPriority: z.boolean().default(false),
  /** Whether the end of a long job is told while nobody looks at the window. */
  notifications: z.boolean().default(true),
  /** With a sound. */
  sound: z.boolean().default(false),
  /** Block weights that the person keeps, beside those that the field knows by name. */
  blockPresets: z.array(blockPresetSchema).max(MOST_PRESETS).default([]),
  /** What was shown once and dismissed for good: the first start, notes of the tour. */
  seen: seenSchema.default([]),
})

export const computeStateSchema = z.object({
  state: z.enum(['idle', 'starting', 'ready', 'restarting']),
  /** Why the last process ended, where this program did not end it. */
  died: errorReportSchema.nullable(),
})

export const logEntrySchema = z.object({
  time: z.number(),
  level: z.enum(['info', 'warning', 'error']),
  message: z.string(),
  detail: z.string().exactOptional(),
})

export const recentSchema = z.object({ path: z.string(), title: z.string(), time: z.number(), exists: z.boolean() })

/** Everything a client needs to begin with, and after a reconnect. */
export const snapshotSchema = z.object({
  /** Events up to this number are in here already. */
  sequence: z.number(),
  host: z.enum(['desktop', 'serve']),
  platform: z.string(),
  version: z.string(),
  project: projectStateSchema,
  jobs: z.array(jobSchema),
  queue: queueStateSchema,
  settings: settingsSchema,
  compute: computeStateSchema,
  live: liveStateSchema,
  recent: z.array(recentSchema),
})

export type Edit = z.infer<typeof editSchema>
export type ProjectState = z.infer<typeof projectStateSchema>
export type Settings = z.infer<typeof settingsSchema>
export type ComputeState = z.infer<typeof computeStateSchema>
export type LogEntry = z.infer<typeof logEntrySchema>
export type RecentProject = z.infer<typeof recentSchema>
export type Snapshot = z.infer<typeof snapshotSchema>
