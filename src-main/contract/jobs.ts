import { z } from 'zod'
import { JOB_TASKS } from './protocol/compute-tasks'
import { errorReportSchema } from './document/models'
import { taggedUnion } from './protocol/tagged-union'

export type JobKind = keyof typeof JOB_TASKS

export const JOB_KINDS = Object.keys(JOB_TASKS) as JobKind[]
export const JOB_STATES = ['queued', 'running', 'done', 'failed', 'cancelled'] as const

/** What a job leaves behind, by its kind. */
export const jobResultSchema = taggedUnion('kind', JOB_TASKS, 'result')

/** A long task. `progress` never falls. Times in milliseconds since 1970. */
export const jobSchema = z.object({
  id: z.string(),
  kind: z.enum(JOB_KINDS),
  /** In words: 'Export to merged.safetensors'. */
  title: z.string(),
  /** Which one of its kind it is: the file that is written or verified, the part of an evaluation; null: the kind says it. */
  about: z.string().nullable(),
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
  /** What the project that it is of was like (exportKey); null for jobs of no project. */
  of: z.object({ models: z.array(z.string()), merge: z.string() }).nullable(),
  result: jobResultSchema.nullable(),
})

/** How the queue goes on. */
export const queueStateSchema = z.object({
  /** No job begins; the one that runs goes on to its end. */
  paused: z.boolean(),
  /** Ids of the jobs that wait, the next one first. */
  waiting: z.array(z.string()),
})

export type QueueState = z.infer<typeof queueStateSchema>
export type JobState = (typeof JOB_STATES)[number]
export type JobResult = z.infer<typeof jobResultSchema>
export type Job = z.infer<typeof jobSchema>
