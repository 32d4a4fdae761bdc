import type { Job } from './jobs'

/** People turn to something else meanwhile, and want to know. */
const LONG_MS = 15_000

/** Whether a job has just ended that people did not wait for: not one that they cancelled, nor live pictures. */
export function isLongJob({ kind, state, startedAt, endedAt }: Job): boolean {
  if (startedAt === null || endedAt === null || kind === 'live' || state === 'cancelled') return false
  return endedAt - startedAt >= LONG_MS
}

/** How it ended, for a notification. */
export function jobEndWords({ title, state, error }: Job): { title: string; body: string } {
  return state === 'failed'
    ? { title: 'Failed', body: `${title}: ${error?.message ?? ''}` }
    : { title: 'Done', body: title }
}
