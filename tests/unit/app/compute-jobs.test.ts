import { beforeEach, describe, expect, it } from 'vitest'
import { ComputeJobs, type JobTask } from '../../../src-main/app/jobs/compute-jobs'
import type { ComputeSupervisor } from '../../../src-main/app/jobs/compute-supervisor'
import { JobQueue } from '../../../src-main/app/jobs/job-queue'
import type { Log } from '../../../src-main/app/log'
import { FusionError } from '../../../src-main/contract/errors'
import { JOB_KINDS, type JobKind, type JobResult } from '../../../src-main/contract/jobs'

let queue: JobQueue
let jobs: ComputeJobs
/** Ends the task that the compute process has. */
let finish: (() => void) | null
let logged: string[]

beforeEach(() => {
  logged = []
  finish = null
  queue = new JobQueue(() => undefined)
  const compute = {
    run: ({ type }: JobTask, { signal }: { signal: AbortSignal }) =>
      new Promise((resolve, reject) => {
        finish = () => resolve({ kind: type } as JobResult)
        signal.addEventListener('abort', () => reject(new FusionError('cancelled', 'Cancelled.')))
      }),
  }
  const log = { add: (_level: string, message: string) => logged.push(message) }
  jobs = new ComputeJobs(queue, compute as unknown as ComputeSupervisor, log as unknown as Log, () => Promise.resolve())
})

const settle = () => new Promise((resolve) => setTimeout(resolve, 5))
const stateOf = (id: string) => queue.list().find((job) => job.id === id)?.state

/** Starts a job of a kind; the test holds it at its end where it asks for that. */
function start(kind: JobKind, onSuccess?: () => Promise<void>): string {
  const task = { type: kind } as JobTask
  return jobs.start({ kind, title: kind, task: () => task, ...(onSuccess && { onSuccess }) }).job.id
}

describe.each(JOB_KINDS)('a job of kind %s', (kind) => {
  it('that is cancelled while queued ends, and the next one runs', async () => {
    const [first, queued, next] = [start('hash'), start(kind), start(kind)]
    await settle()
    queue.cancel(queued)
    expect(stateOf(queued)).toBe('cancelled')
    finish!()
    await settle()
    expect([stateOf(first), stateOf(queued), stateOf(next)]).toEqual(['done', 'cancelled', 'running'])
  })

  it('that is cancelled while running ends, and the next one runs', async () => {
    const [running, next] = [start(kind), start(kind)]
    await settle()
    queue.cancel(running)
    await settle()
    expect([stateOf(running), stateOf(next)]).toEqual(['cancelled', 'running'])
    expect(logged).toEqual([])
  })

  it('that is cancelled while it finishes ends, and the next one runs', async () => {
    let release = (): void => undefined
    const finishing = start(kind, () => new Promise((resolve) => (release = resolve)))
    const next = start(kind)
    await settle()
    finish!()
    await settle()
    queue.cancel(finishing)
    expect(stateOf(finishing)).toBe('running')
    release()
    await settle()
    expect([stateOf(finishing), stateOf(next)]).toEqual(['done', 'running'])
  })
})
