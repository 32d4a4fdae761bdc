import { Worker } from 'node:worker_threads'
import { FusionError, type ErrorReport } from '../../contract/errors'
import type { SourceFile } from '../checkpoint/checkpoint'
import { throwIfCancelled } from './cancel'
import { TensorJobRunner, type JobResult, type TensorJob } from './tensor-job'

/** What a worker thread gets when it starts. */
export interface WorkerSetup {
  sources: readonly SourceFile[]
}

/** A worker's answer to one job; `code` is the file system's, where it refused. */
export type WorkerReply = { result: JobResult } | { error: ErrorReport; code: string | undefined }

export interface PoolOptions {
  /** The built tensor-worker; without it all jobs run on the calling thread. */
  workerFile: URL | null
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
export async function runJobs(
  jobs: readonly TensorJob[],
  { workerFile, threads, sources, signal }: PoolOptions,
  onDone: (job: TensorJob, result: JobResult) => void,
): Promise<void> {
  if (!workerFile || threads < 2 || jobs.length < 2) return runInline(jobs, sources, signal, onDone)
  let next = 0
  const workers = Array.from({ length: Math.min(threads, jobs.length) }, () => {
    return new Worker(workerFile, { workerData: { sources } satisfies WorkerSetup })
  })
  const work = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      let job: TensorJob | undefined
      const proceed = (): void => {
        job = jobs[next++]
        worker.postMessage(job ?? null)
      }
      worker.on('message', (reply: WorkerReply) => {
        if ('error' in reply) return reject(asError(reply.error, reply.code))
        onDone(job!, reply.result)
        proceed()
      })
      worker.on('error', reject)
      worker.on('exit', (code) => (job === undefined ? resolve() : reject(new Error(`worker thread ended (${code})`))))
      signal?.addEventListener('abort', () => reject(new FusionError('cancelled', 'Cancelled.')), { once: true })
      proceed()
    })
  try {
    throwIfCancelled(signal)
    await Promise.all(workers.map(work))
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

async function runInline(
  jobs: readonly TensorJob[],
  sources: readonly SourceFile[],
  signal: AbortSignal | undefined,
  onDone: (job: TensorJob, result: JobResult) => void,
): Promise<void> {
  const runner = new TensorJobRunner(sources)
  try {
    for (const job of jobs) {
      await new Promise(setImmediate)
      throwIfCancelled(signal)
      onDone(job, runner.run(job))
    }
  } finally {
    runner.close()
  }
}

/** The error of a worker, with the file system's code where it has one. */
function asError({ kind, message, ...more }: ErrorReport, code: string | undefined): Error {
  return Object.assign(new FusionError(kind, message, more), code !== undefined && { code })
}
