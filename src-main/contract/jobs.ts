import { z } from 'zod'
import { matrixSchema } from './inspect'
import { errorReportSchema } from './models'
import { unlearningSchema } from './unlearning'

export const JOB_KINDS = [
  'hash',
  'inspect',
  'matrix',
  'preview',
  'live',
  'unlearning',
  'export',
  'calibrate',
  'evaluate',
  'drift',
  'clip',
  'search',
] as const
export const JOB_STATES = ['queued', 'running', 'done', 'failed', 'cancelled'] as const

export const exportResultSchema = z.object({
  path: z.string(),
  bytes: z.number(),
  seconds: z.number(),
  /** Of every weights file. */
  files: z.array(z.object({ path: z.string(), sha256: z.string() })),
  warnings: z.array(z.string()),
  /** Every model's part, base first: a fraction of the whole, or where `adds` a factor on what it learnt. */
  shares: z.object({
    adds: z.boolean(),
    models: z.array(z.object({ name: z.string(), value: z.number().nullable() })),
    words: z.string(),
  }),
  /** Tensors in which finite values became infinite in the output's element type. */
  overflowed: z.array(z.string()),
})

/** What an export will cost, before it starts. */
export const forecastSchema = z.object({
  seconds: z.number(),
  memoryBytes: z.number(),
  /** Size of the output. */
  diskBytes: z.number(),
  /** What the models' contributions take in the cache, and how much of that is not there yet; 0 where none are kept. */
  contributions: z.object({ bytes: z.number(), missingBytes: z.number() }),
  /** A folder (diffusers) or a file. */
  folder: z.boolean(),
  warnings: z.array(z.string()),
})

/** What a job leaves behind, by its kind; what came in pieces (inspect rows, pictures) is not repeated here. */
export const jobResultSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('hash'), files: z.array(z.object({ path: z.string(), sha256: z.string() })) }),
  z.object({ kind: z.literal('inspect'), layers: z.number() }),
  z.object({ kind: z.literal('matrix'), matrix: matrixSchema }),
  z.object({ kind: z.literal('preview'), pictures: z.number() }),
  z.object({ kind: z.literal('live') }),
  z.object({ kind: z.literal('unlearning'), unlearning: unlearningSchema }),
  z.object({ kind: z.literal('export'), export: exportResultSchema }),
  z.object({ kind: z.literal('calibrate'), path: z.string(), bytes: z.number(), models: z.number() }),
  z.object({ kind: z.literal('evaluate'), rows: z.number() }),
  z.object({ kind: z.literal('drift'), layers: z.number() }),
  z.object({ kind: z.literal('clip'), rows: z.number() }),
  z.object({ kind: z.literal('search'), trials: z.number() }),
])

/** A long task. `progress` never falls. Times in milliseconds since 1970. */
export const jobSchema = z.object({
  id: z.string(),
  kind: z.enum(JOB_KINDS),
  /** In words: 'Export to merged.safetensors'. */
  title: z.string(),
  state: z.enum(JOB_STATES),
  /** 0 … 1 */
  progress: z.number(),
  /** What it is doing: 'hashing', 'merging' …; null where it says nothing. */
  phase: z.string().nullable(),
  /** Seconds that are left; null while unknown. */
  eta: z.number().nullable(),
  createdAt: z.number(),
  startedAt: z.number().nullable(),
  endedAt: z.number().nullable(),
  error: errorReportSchema.nullable(),
  result: jobResultSchema.nullable(),
})

export type JobKind = (typeof JOB_KINDS)[number]
export type JobState = (typeof JOB_STATES)[number]
export type JobResult = z.infer<typeof jobResultSchema>
export type Job = z.infer<typeof jobSchema>
export type Forecast = z.infer<typeof forecastSchema>
export type ExportResult = z.infer<typeof exportResultSchema>
