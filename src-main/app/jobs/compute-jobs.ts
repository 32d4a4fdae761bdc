import type { ComputeEvent } from '../../contract/protocol/compute'
import type { TaskOf } from '../../contract/protocol/compute-tasks'
import type { Job, JobKind, JobResult } from '../../contract/jobs'
import { toErrorReport } from '../../contract/errors'
import type { ComputeSupervisor } from './compute-supervisor'
import type { JobQueue, JobSpec } from './job-queue'
import type { Log } from '../log'

/** Tasks of the compute process that people see as jobs. */
export type JobTask = TaskOf<JobKind>

export interface JobEvent {
  /** What the task sent, except progress, which goes to the job. */
  event: Exclude<ComputeEvent, { type: 'progress' }>
  job: string
}

/** A task before its turn. */
export interface ComputeJob extends Pick<JobSpec, 'kind' | 'title' | 'about' | 'of'> {
  /** Made when the job's turn comes. */
  task: (jobId: string) => Promise<JobTask> | JobTask
  onEvent?: (event: JobEvent) => void
  /** Called before the job has ended. */
  onSuccess?: (result: JobResult, job: string) => Promise<void>
}

/** Puts tasks of the compute process on the queue. */
export class ComputeJobs {
  constructor(
    private readonly queue: JobQueue,
    private readonly compute: ComputeSupervisor,
    private readonly log: Log,
    /** Called after every job has ended, whether it succeeded or not. */
    private readonly afterwards: () => Promise<void>,
  ) {}

  start({ task, onEvent, onSuccess, ...spec }: ComputeJob): { job: Job } {
    const job = this.queue.add({
      ...spec,
      run: async ({ id, signal, report }) => {
        try {
          const result = await this.compute.run(await task(id), {
            signal,
            onEvent: (event) =>
              event.type === 'progress' ? report(event.phase, event.fraction) : onEvent?.({ event, job: id }),
          })
          await onSuccess?.(result, id)
          return result
        } catch (error) {
          const { kind, message, detail } = toErrorReport(error)
          if (kind !== 'cancelled') this.log.add('error', `${spec.title}: ${message}`, detail)
          throw error
        } finally {
          // Once people know how it ended.
          void this.queue.between(this.afterwards)
        }
      },
    })
    return { job }
  }
}
