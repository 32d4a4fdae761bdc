import { availableParallelism } from 'node:os'
import { yieldOrCancel } from '../cancel'
import type { SourceFile } from '../checkpoint/containers/container'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import { FloatEncoder } from '../tensor/float-encoder'
import { Kernels } from '../tensor/kernels'
import type { Provider } from '../runtime/session'
import type { SumSettings } from './fusion/layer-sums'
import { runJobs } from './job-pool'
import type { OutputWriter } from './jobs/output-writer'
import { triesOwnRows, type MergeJob } from './layer-job'
import { withoutFiles, type LayerTask, type MergePlan } from './plan/merge-plan'
import type { PlanColumns } from './plan/plan-columns'
import { FusionMerger, layerMemory, layerMerger, layerPeak, runLayer, SHARED_BYTES, type LayerTools } from './run-layer'

/** What merging a layer tells. */
export interface LayerOutcome {
  overflowed: boolean
  /** Of its groups. */
  reports: readonly object[]
  /** Of its weight and its bias, where they are known. */
  checksums: readonly (string | null)[]
}

interface LayersOptions {
  provider?: Provider
  /** The built tensor-worker; without it everything runs on the calling thread. */
  workerFile?: URL | null
  threads?: number
  screens?: boolean
  signal?: AbortSignal
}

type LayerDone = (task: LayerTask, outcome: LayerOutcome) => void

/**
 * Merges the layers of a plan: on threads, several at a time, those in which no rows take part but the models' own, and
 * those that a matrix method needs little memory for; the others one after the other on the calling thread, whose products
 * have threads of the runtime.
 */
export class LayersRun {
  private readonly reader: TensorReader
  private readonly merger: ReturnType<typeof layerMerger>
  private tools: LayerTools | undefined
  /** The layer that the calling thread works on. */
  private whole: Promise<void> = Promise.resolve()

  constructor(
    private readonly plan: MergePlan,
    private readonly columns: PlanColumns | null,
    private readonly writer: OutputWriter,
    private readonly sources: readonly SourceFile[],
    private readonly options: LayersOptions,
  ) {
    this.reader = new TensorReader(sources)
    this.merger = layerMerger(plan, columns, options, () => yieldOrCancel(options.signal))
  }

  /** @param done called for each layer when it is written, in any order */
  async run(tasks: readonly LayerTask[], done: LayerDone): Promise<void> {
    try {
      const onThreads = new Set(this.tasksForThreads(tasks))
      if (onThreads.size > 0) await this.runJobs([...onThreads], tasks, done)
      for (const task of tasks) if (!onThreads.has(task)) await this.mergeWhole(task, [], tasks, done)
    } finally {
      await this.whole.catch(() => {}) // it was said already, and nothing may be written any more
      await this.merger.release()
      this.reader.close()
    }
  }

  /** Largest first, so that no thread ends long after the others; the number of threads changes no result. */
  private tasksForThreads(tasks: readonly LayerTask[]): readonly LayerTask[] {
    const { plan, options, reader, columns, threads } = this
    const provider = options.provider ?? 'cpu'
    if (plan.method.kind !== 'matrix') return options.screens !== false && triesOwnRows(plan, provider) ? tasks : []
    if (provider !== 'cpu') return []
    const peaks = new Map(tasks.map((task) => [task, layerPeak(task, reader, plan.project.method, columns)]))
    const small = tasks.filter((task) => peaks.get(task)! <= SHARED_BYTES / threads)
    return small.length < threads ? [] : small.sort((a, b) => peaks.get(b)! - peaks.get(a)!)
  }

  private get threads(): number {
    return this.options.threads ?? availableParallelism()
  }

  /** @param all layers, of which the calling thread may get any */
  private async runJobs(tasks: readonly LayerTask[], all: readonly LayerTask[], done: LayerDone): Promise<void> {
    const { threads } = this
    const { workerFile = null, signal } = this.options
    const pool = { workerFile, threads, sources: this.sources, ...(signal && { signal }) }
    const byJob = new Map(tasks.map((task) => [this.jobOf(task), task]))
    await runJobs([...byJob.keys()], pool, (job, { merged, prepared }) => {
      const task = byJob.get(job)!
      if (merged) return done(task, merged)
      this.whole = this.whole.then(() => this.mergeWhole(task, prepared ?? [], all, done))
      return this.whole
    })
  }

  private jobOf(task: LayerTask): MergeJob {
    const { destination, biasDestination } = task
    const { method, project } = this.plan
    const bias = biasDestination && this.writer.target(biasDestination.file, biasDestination.offset)
    const weight = this.writer.target(destination.file, destination.offset)
    const kind = method.kind === 'matrix' ? 'matrix' : 'fusion'
    return { kind, task: withoutFiles(task), settings: project.method, weight, bias }
  }

  /** @param prepared what is known of its groups already */
  private async mergeWhole(
    task: LayerTask,
    prepared: readonly SumSettings[],
    tasks: readonly LayerTask[],
    done: LayerDone,
  ): Promise<void> {
    const { merger, writer } = this
    const { destination, biasDestination } = task
    const before = merger.reports.length
    if (merger instanceof FusionMerger) merger.prepared = [...prepared]
    const overflowed = await runLayer(task, merger, (this.tools ??= this.makeTools(tasks)), {
      weight: (at, bytes) => writer.write(destination.file, destination.offset + at, bytes),
      bias: (at, bytes) => writer.write(biasDestination!.file, biasDestination!.offset + at, bytes),
    })
    done(task, { overflowed, reports: merger.reports.slice(before), checksums: [] })
  }

  private makeTools(tasks: readonly LayerTask[]): LayerTools {
    const { reader, columns, plan } = this
    const memory = Math.max(...tasks.map((task) => layerMemory(task, reader, plan.project.method, columns)))
    return { reader, kernels: new Kernels(memory), encoder: new FloatEncoder() }
  }
}
