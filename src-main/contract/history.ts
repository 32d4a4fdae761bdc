import { z } from 'zod'
import { fusionRequestSchema } from './adapter-fusion'
import { mergeSettingsSchema } from './document/merge-settings'
import { outputSchema } from './document/project'
import { SPLITS } from './evaluate/settings'
import { exportResultSchema } from './export'
import { gridLabelsSchema } from './grid/grid'
import { drawingSchema, pictureSchema } from './preview'

/** What a project's history tells of. */
export const HISTORY_KINDS = ['merge', 'pictures', 'grid', 'evaluation'] as const
export const EVALUATION_PARTS = ['table', 'comparison', 'search', 'drift', 'scores', 'methodScores'] as const

const common = {
  id: z.string(),
  /** Milliseconds since 1970. */
  time: z.number(),
}

/** A checkpoint or an adapter that was written, as it is kept. */
export const mergeRecordSchema = z.object({
  ...common,
  kind: z.literal('merge'),
  /** Of the program. */
  version: z.string(),
  /** Models with what is known of their hashes, weights, method and parts. */
  merge: mergeSettingsSchema,
  /** All else that an export is written by. */
  written: outputSchema.omit({ path: true, include: true, vae: true, dtype: true }),
  /** How adapters became one; null: it is a checkpoint. */
  fusion: fusionRequestSchema.nullable(),
  path: z.string(),
  bytes: z.number(),
  seconds: z.number(),
  /** Weights files as they were written; `modified`: milliseconds since 1970. */
  files: z.array(
    z.object({ path: z.string(), sha256: z.string().nullable(), bytes: z.number(), modified: z.number() }),
  ),
  /** Every model's part in it. */
  shares: exportResultSchema.shape.shares.nullable(),
})

/** An evaluation that came to its end, as it is kept. */
export const evaluationRecordSchema = z.object({
  ...common,
  kind: z.literal('evaluation'),
  /** CLIP was the only scorer in earlier versions. */
  part: z.preprocess((part) => (part === 'clip' ? 'scores' : part), z.enum(EVALUATION_PARTS)),
  merge: mergeSettingsSchema,
  folder: z.string(),
  split: z.enum(SPLITS),
  /** What it says, in a line. */
  verdict: z.string(),
})

export const historyRecordSchema = z.discriminatedUnion('kind', [mergeRecordSchema, evaluationRecordSchema])

/** Whether what was written is still there; 'unknown': the program may not look. */
export const FILE_STATES = ['there', 'changed', 'gone', 'unknown'] as const

/** A small picture that stands for an entry; null: there is none. */
const picture = z.string().nullable()

/** Pictures of one run. */
export const drawnEntrySchema = z.object({
  ...common,
  kind: z.enum(['pictures', 'grid']),
  /** Of the project; null: unmerged models drew, and nothing says more. */
  merge: mergeSettingsSchema.nullable(),
  drawn: drawingSchema,
  /** Of a grid. */
  labels: gridLabelsSchema.nullable(),
  count: z.number(),
  /** Whether all is known that it was asked for with: it can be drawn again. */
  repeatable: z.boolean(),
  picture,
})

export const mergeEntrySchema = mergeRecordSchema.extend({ file: z.enum(FILE_STATES), picture })
export const evaluationEntrySchema = evaluationRecordSchema.extend({ picture })

export const historyEntrySchema = z.discriminatedUnion('kind', [
  mergeEntrySchema,
  drawnEntrySchema,
  evaluationEntrySchema,
])

/** A page of the history. */
export const historyPageSchema = z.object({
  entries: z.array(historyEntrySchema),
  /** Older ones fit, too. */
  more: z.boolean(),
  /** Lines of the history's file that could not be read, and are left out. */
  damaged: z.number(),
})

/** Pictures of an entry: of its run, or those that its weights drew; the first ones of very many. */
export const historyPicturesSchema = z.object({ pictures: z.array(pictureSchema) })

export type HistoryKind = (typeof HISTORY_KINDS)[number]
export type EvaluationPart = (typeof EVALUATION_PARTS)[number]
export type MergeRecord = z.infer<typeof mergeRecordSchema>
export type EvaluationRecord = z.infer<typeof evaluationRecordSchema>
export type HistoryRecord = z.infer<typeof historyRecordSchema>
export type FileState = (typeof FILE_STATES)[number]
export type DrawnEntry = z.infer<typeof drawnEntrySchema>
export type MergeEntry = z.infer<typeof mergeEntrySchema>
export type EvaluationEntry = z.infer<typeof evaluationEntrySchema>
export type HistoryEntry = z.infer<typeof historyEntrySchema>
export type HistoryPage = z.infer<typeof historyPageSchema>
