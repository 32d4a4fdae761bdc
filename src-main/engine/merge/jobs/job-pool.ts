import { Worker } from 'node:worker_threads'
import { fromErrorReport, type ErrorReport } from '../../../contract/errors'
import type { SourceFile } from '../../checkpoint/containers/container'
import { orCancelled, yieldOrCancel } from '../../cancel'
import { TensorJobRunner, type JobResult, type TensorJob } from './tensor-job'

/** What a worker thread gets when it starts. */
export interface WorkerSetup {
  sources: readonly SourceFile[]
}

/** A worker's answer to one job; a refusal is the file system's, to write, for the caller to put in words. */
export type WorkerReply =
  { result: JobResult } | { error: ErrorReport } | { refusal: Pick<NodeJS.ErrnoException, 'message' | 'code'> }

export interface PoolOptions {
  /** The built tensor-worker; without it all jobs run on the calling thread. */
  workerFile: URL | null
  /** Worker threads, at least 1. */
  threads: number
  sources: readonly SourceFile[]
  signal?: AbortSignal
}

/**
 * Runs jobs on worker threads, several at a time, in any order; every job writes bytes of its own, so the result does
 * not depend on the number of threads.
 * @param onDone called on the calling thread after each job
 * @throws FusionError of the first job that fails; 'cancelled'. No job is running any more when it throws.
 */
export async function runJobs<Job extends TensorJob>(
  jobs: readonly Job[],
  { workerFile, threads, sources, signal }: PoolOptions,
  onDone: (job: Job, result: JobResult) => void,
): Promise<void> {
  if (!workerFile) return runInline(jobs, sources, signal, onDone)
  let next = 0
  const workers = Array.from({ length: Math.min(threads, jobs.length) }, () => {
    return new Worker(workerFile, { workerData: { sources } satisfies WorkerSetup })
  })
  const work = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      let job: Job | undefined
      const proceed = (): void => {
        job = jobs[next++]
        worker.postMessage(job ?? null)
      }
      worker.on('message', (reply: WorkerReply) => {
        if ('error' in reply) return reject(fromErrorReport(reply.error))
        if ('refusal' in reply) {
          const { message, code } = reply.refusal
          return reject(Object.assign(new Error(message), { code }))
        }
        onDone(job!, reply.result)
        proceed()
      })
      worker.on('error', reject)
      worker.on('exit', (code) => (job === undefined ? resolve() : reject(new Error(`worker thread ended (${code})`))))
      proceed()
    })
  try {
    await orCancelled(signal, () => Promise.all(workers.map(work)))
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

async function runInline<Job extends TensorJob>(
  jobs: readonly Job[],
  sources: readonly SourceFile[],
  signal: AbortSignal | undefined,
  onDone: (job: Job, result: JobResult) => void,
): Promise<void> {
  const runner = new TensorJobRunner(sources)
  try {
    for (const job of jobs) {
      await yieldOrCancel(signal)
      onDone(job, runner.run(job))
    }
  } finally {
    runner.close()
  }
}
