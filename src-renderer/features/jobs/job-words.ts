import type { Job } from '../../../src-main/contract/jobs'
import { formatDuration, formatPercent } from '../../shared/format'
import { windowWords } from '../../shared/window-words'

/** A job's state in words: 'merging, 40 %, about 12 s left'. */
export function jobWords(job: Job): string {
  switch (job.state) {
    case 'queued':
      return 'queued'
    case 'running': {
      const parts = [job.phase ?? 'running', formatPercent(job.progress)]
      if (job.eta !== null) parts.push(`about ${formatDuration(Math.max(1, job.eta) * 1000)} left`)
      return parts.join(', ')
    }
    case 'done':
      return job.startedAt !== null && job.endedAt !== null
        ? `done in ${formatDuration(job.endedAt - job.startedAt)}`
        : 'done'
    case 'failed':
      return job.error ? windowWords(job.error.message) : 'failed'
    case 'cancelled':
      return 'cancelled'
  }
}
