import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { fromErrorReport, type ErrorReport } from '../../contract/errors'
import type { SourceFile } from '../checkpoint/containers/container'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import { orCancelled, yieldOrCancel, type YieldOrCancel } from '../cancel'
import { TensorJobRunner, type JobResult, type TensorJob } from './jobs/tensor-job'
import { LayerJobRunner, type LayerJob, type LayerResult } from './layer-job'

export type PoolJob = TensorJob | LayerJob
export type PoolResult<Job extends PoolJob> = Job extends LayerJob ? LayerResult : JobResult

/** What a worker thread gets when it starts. */
export interface WorkerSetup {
  sources: readonly SourceFile[]
  /** Not 0 once nobody wants its results any more. */
  stopped: Int32Array
}

/** A worker's answer to one job; a refusal is the file system's, to write, for the caller to put in words. */
export type WorkerReply =
  | { result: JobResult | LayerResult }
  | { error: ErrorReport }
  | { refusal: Pick<NodeJS.ErrnoException, 'message' | 'code'> }

export interface PoolOptions {
  /** The built tensor-worker; without it all jobs run on the calling thread. */
  workerFile: URL | null
  /** Worker threads, at least 1. */
  threads: number
  sources: readonly SourceFile[]
  signal?: AbortSignal
}

/** One thread's tools for jobs of every kind. */
export class JobRunner {
  private readonly tensors: TensorJobRunner
  private readonly layers: LayerJobRunner

  /**
   * @param threads of a matrix product; the runtime's own choice if absent
   * @param yieldOrCancel called between products: throws to stop
   */
  constructor(sources: readonly SourceFile[], threads: number | undefined, yieldOrCancel: YieldOrCancel) {
    this.tensors = new TensorJobRunner(new TensorReader(sources))
    this.layers = new LayerJobRunner(sources, threads, yieldOrCancel)
  }

  async run<Job extends PoolJob>(job: Job): Promise<PoolResult<Job>> {
    const result = isLayerJob(job) ? await this.layers.run(job) : this.tensors.run(job)
    return result as PoolResult<Job>
  }

  async close(): Promise<void> {
    this.tensors.close()
    await this.layers.release()
  }
}

const LAYER_JOBS: Readonly<Record<LayerJob['kind'], true>> = {
  prepare: true,
  fusion: true,
  matrix: true,
  contributions: true,
}

function isLayerJob(job: PoolJob): job is LayerJob {
  return job.kind in LAYER_JOBS
}

/**
 * Runs jobs on worker threads, several at a time, in any order; every job writes bytes of its own, so the result does
 * not depend on the number of threads.
 * @param onDone called on the calling thread after each job; the job's thread waits for it
 * @throws FusionError of the first job that fails; 'cancelled'. No job is running any more when it throws.
 */
export async function runJobs<Job extends PoolJob>(
  jobs: readonly Job[],
  { workerFile, threads, sources, signal }: PoolOptions,
  onDone: (job: Job, result: PoolResult<Job>) => void | Promise<void>,
): Promise<void> {
  if (!workerFile) return runInline(jobs, { threads, sources, ...(signal && { signal }) }, onDone)
  let next = 0
  const stopped = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const isStopped = (): boolean => Atomics.load(stopped, 0) !== 0
  /** Threads that may be in a product. */
  const computing = new Set<Worker>()
  const workers = Array.from({ length: Math.min(threads, jobs.length) }, () => {
    return new Worker(workerFile, { workerData: { sources, stopped } satisfies WorkerSetup })
  })
  const work = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      let job: Job | undefined
      const proceed = (): void => {
        if (isStopped()) return
        job = jobs[next++]
        if (job && takesProducts(job)) computing.add(worker)
        worker.postMessage(job ?? null)
      }
      worker.on('message', (reply: WorkerReply) => {
        computing.delete(worker)
        if (isStopped()) return
        if ('error' in reply) return reject(fromErrorReport(reply.error))
        if ('refusal' in reply) {
          const { message, code } = reply.refusal
          return reject(Object.assign(new Error(message), { code }))
        }
        const waiting = onDone(job!, reply.result as PoolResult<Job>)
        if (waiting) waiting.then(proceed, reject)
        else proceed()
      })
      worker.on('error', reject)
      worker.on('exit', (code) => {
        computing.delete(worker)
        if (job === undefined) resolve()
        else reject(new Error(`worker thread ended (${code})`))
      })
      proceed()
    })
  try {
    await orCancelled(signal, () => Promise.all(workers.map(work)))
  } finally {
    Atomics.store(stopped, 0, 1)
    await Promise.all(workers.map((worker) => end(worker, computing.has(worker))))
  }
}

/** Ends a thread. While it computes a product it is waited for: ended then, it would take the process with it. */
async function end(worker: Worker, isComputing: boolean): Promise<void> {
  if (isComputing) await Promise.race(['message', 'exit'].map((event) => once(worker, event))).catch(() => {})
  await worker.terminate()
}

function takesProducts(job: PoolJob): boolean {
  return isLayerJob(job) || ('views' in job && job.views.some(({ stored }) => stored.merged !== undefined))
}

async function runInline<Job extends PoolJob>(
  jobs: readonly Job[],
  { threads, sources, signal }: Omit<PoolOptions, 'workerFile'>,
  onDone: (job: Job, result: PoolResult<Job>) => void | Promise<void>,
): Promise<void> {
  const runner = new JobRunner(sources, threads, () => yieldOrCancel(signal))
  try {
    for (const job of jobs) {
      await yieldOrCancel(signal)
      await onDone(job, await runner.run(job))
    }
  } finally {
    await runner.close()
  }
}
