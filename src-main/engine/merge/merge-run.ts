import { availableParallelism } from 'node:os'
import type { SourceFile } from '../checkpoint/containers/container'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import type { Provider } from '../runtime/session'
import { elementCount, type FloatType } from '../tensor/element-type'
import { FloatEncoder } from '../tensor/float-encoder'
import type { Contributions } from './contributions/contribution-file'
import { reweightLayer, type ReweightedLayer } from './contributions/reweight'
import type { LayerReport } from './fusion/layer-report'
import { runJobs } from './job-pool'
import { extraJob, jobsOf, reweightJobs, type PlannedJob } from './jobs'
import { gainedBias } from './jobs/gained-bias'
import { readBiases } from './jobs/layer-inputs'
import type { OutputWriter } from './jobs/output-writer'
import type { JobResult } from './jobs/tensor-job'
import { writtenBytes } from './jobs/tensor-output'
import { placesOfTask, type WrittenPlace } from './jobs/written-places'
import { assumedSeconds, taskCost } from './plan/cost'
import { sourcesOf, type LayerTask, type MergePlan, type TensorTask } from './plan/merge-plan'
import { wholeWork, type MergeWork } from './plan/merge-work'
import type { Prepared } from './prepare'
import type { RegressionReport } from './regression/regression-layer'
import type { ExportJournal } from './resume/export-journal'
import type { FinishedWork } from './resume/journal-lines'
import type { MatrixReport } from './run-layer'
import { LayersRun, type LayerOutcome } from './run-layers'
import { fittedTasks } from './sequential/fitted-tasks'

export interface MergeRunOptions {
  provider?: Provider
  /** The built tensor-worker; without it sums run on the calling thread. */
  workerFile?: URL | null
  /** Threads of sums and of matrix products: no byte depends on them. */
  threads?: number
  /** Whether products in which no entry can pass the threshold are left out, as they are if absent: no byte depends on it. */
  screens?: boolean
  signal?: AbortSignal
  /** Called with the fraction of the work that is done. */
  onProgress?: (phase: 'merging', fraction: number) => void
}

/** What work tells beside the bytes that it writes. */
type WorkResult = Pick<JobResult, 'overflowed' | 'squaredNorms'>

interface Reweighted {
  task: LayerTask
  layer: ReweightedLayer
}

/** The work of one merge, or of a part of it: jobs for threads, and layers for ONNX Runtime, one after the other. */
export class MergeRun {
  readonly layers: LayerReport[] = []
  readonly regressions: RegressionReport[] = []
  readonly matrices: MatrixReport[] = []
  /** Names of tensors, without their component. */
  readonly overflowed = new Set<string>()
  private readonly sources: readonly SourceFile[]
  private readonly total: number
  private done = 0

  constructor(
    private readonly plan: MergePlan,
    private readonly prepared: Prepared,
    private readonly writer: OutputWriter,
    private readonly journal: ExportJournal | null,
    private readonly options: MergeRunOptions,
    private readonly work: MergeWork = wholeWork(plan),
  ) {
    this.sources = sourcesOf(plan)
    this.regressions.push(...(prepared.fitted?.reports ?? []))
    this.total = work.tasks.reduce((sum, task) => sum + this.secondsOf(task), 0)
  }

  async run(): Promise<void> {
    const { contributions, fitted } = this.prepared
    const tensors = this.work.tasks.filter((task) => task.kind === 'tensor')
    const layers = this.work.tasks.filter((task) => task.kind === 'layer')
    const reweighted = contributions ? this.reweight(layers, contributions) : []
    await this.runJobs(fitted ? [...tensors, ...fittedTasks(layers, fitted)] : tensors, reweighted)
    if (!contributions && !fitted && layers.length > 0) await this.runLayers(layers)
    const reader = new TensorReader(this.sources)
    try {
      reader.checkUnchanged()
    } finally {
      reader.close()
    }
  }

  private async runJobs(tasks: readonly TensorTask[], reweighted: readonly Reweighted[]): Promise<void> {
    const { plan, writer, options } = this
    for (const file of plan.output.files) for (const zeros of file.zeros) writer.writeZeros(file, zeros)
    const planned = [
      ...tasks.flatMap((task) => jobsOf(task, plan.project.method, writer)),
      ...reweighted.flatMap(({ task, layer }) => reweightJobs(task, layer, writer)),
      ...this.work.extras.map(({ file, extra }) => extraJob(file, extra, writer)),
    ]
    const lengths = new Map(reweighted.map(({ task }) => [task, 0]))
    const pool = {
      workerFile: options.workerFile ?? null,
      threads: options.threads ?? availableParallelism(),
      sources: this.sources,
      ...(options.signal && { signal: options.signal }),
    }
    const done = ({ task, file, offset, job }: PlannedJob, { overflowed, squaredNorms }: WorkResult): void => {
      writer.written(file, offset, job.byteLength)
      if (task === null || job.byteLength === 0) return
      if (overflowed) this.overflowed.add(task.name)
      if (task.kind === 'layer') lengths.set(task, lengths.get(task)! + squaredNorms[0]!)
      const whole = writtenBytes(task.destination, elementCount(task.views[0]!.shape))
      this.advance((this.secondsOf(task) * job.byteLength) / whole)
    }
    const left = planned.filter((entry) => {
      const finished = this.journal?.find(entry.file, entry.offset, entry.job.byteLength)
      if (finished) done(entry, finished)
      return !finished
    })
    const byJob = new Map(left.map((entry) => [entry.job, entry]))
    await runJobs([...byJob.keys()], pool, (job, result) => {
      const entry = byJob.get(job)!
      this.note([{ ...entry, byteLength: job.byteLength, checksum: result.checksum }], result)
      done(entry, result)
    })
    for (const { task, layer } of reweighted) this.layers.push(...layer.report(lengths.get(task)!))
  }

  /** Layers as sums of contributions; their biases are written at once. */
  private reweight(tasks: readonly LayerTask[], contributions: Contributions): Reweighted[] {
    const reader = new TensorReader(this.sources)
    const encoder = new FloatEncoder()
    try {
      return tasks.map((task) => {
        const layer = reweightLayer(task, contributions, this.plan.project.method, readBiases(task, reader))
        const { biasDestination } = task
        if (layer.bias && biasDestination) {
          const type = biasDestination.elementType as FloatType
          const write = (at: number, bytes: Uint8Array): void =>
            this.writer.write(biasDestination.file, biasDestination.offset + at, bytes)
          if (!encoder.encode(gainedBias(layer.bias, biasDestination.gain), type, write))
            this.overflowed.add(task.layer.bias!)
          this.markWritten(biasDestination, layer.bias.length)
        }
        return { task, layer }
      })
    } finally {
      reader.close()
    }
  }

  private async runLayers(tasks: readonly LayerTask[]): Promise<void> {
    const { plan, writer, sources, options } = this
    const { columns } = this.prepared
    const reports = new Map<LayerTask, readonly object[]>()
    const done = (task: LayerTask, layer: Omit<LayerOutcome, 'checksums'>, places: readonly WrittenPlace[]): void => {
      reports.set(task, layer.reports)
      if (layer.overflowed) this.overflowed.add(task.layer.weight)
      for (const { file, offset, byteLength } of places) writer.written(file, offset, byteLength)
      this.advance(this.secondsOf(task))
    }
    const left = tasks.filter((task) => {
      const places = placesOfTask(task)
      const finished = this.journal?.find(places[0]!.file, places[0]!.offset, places[0]!.byteLength)
      if (finished) done(task, finished, places)
      return !finished
    })
    const work = new LayersRun(plan, columns, writer, sources, options)
    await work.run(left, (task, layer) => {
      const places = placesOfTask(task)
      const checked = places.map((place, index) => ({ ...place, checksum: layer.checksums[index] ?? null }))
      this.note(checked, { overflowed: layer.overflowed, squaredNorms: [] }, layer.reports)
      done(task, layer, places)
    })
    const all = tasks.flatMap((task) => reports.get(task)!)
    if (plan.method.kind === 'regression') this.regressions.push(...(all as RegressionReport[]))
    else if (plan.method.kind === 'matrix') this.matrices.push(...(all as MatrixReport[]))
    else this.layers.push(...(all as LayerReport[]))
  }

  /** Notes in the journal what is done and written, with the checksum of the bytes where it is known. */
  private note(
    places: readonly (WrittenPlace & { checksum: string | null })[],
    result: WorkResult,
    reports: readonly object[] = [],
  ): void {
    const { journal, writer, plan } = this
    if (!journal || places.some(({ byteLength }) => byteLength === 0)) return
    const ranges = places.map(({ file, offset, byteLength, checksum }) => ({
      ...{ file: plan.output.files.indexOf(file), offset, byteLength },
      checksum: checksum ?? writer.checksumOf(file, offset, byteLength)!,
    }))
    const { overflowed, squaredNorms } = result
    journal.add({ ranges, overflowed, squaredNorms: [...squaredNorms], reports: reports as FinishedWork['reports'] })
  }

  /** A task's share of the work; contributions and fitted layers have no products left to compute. */
  private secondsOf(task: TensorTask | LayerTask): number {
    const { flops, bytes } = taskCost(task, this.plan.method)
    const { contributions, fitted } = this.prepared
    return assumedSeconds({ flops: contributions || fitted ? 0 : flops, bytes })
  }

  private markWritten(destination: LayerTask['destination'], count: number): void {
    this.writer.written(destination.file, destination.offset, writtenBytes(destination, count))
  }

  private advance(seconds: number): void {
    this.done += seconds
    this.options.onProgress?.('merging', Math.min(1, this.done / this.total))
  }
}
