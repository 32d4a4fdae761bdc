import { availableParallelism } from 'node:os'
import { AtomicOutput } from '../files/writing/atomic-output'
import { collectingDamage } from '../files/kept/cache-damage'
import { writeManifest } from '../files/writing/export-manifest'
import { checkTargetOutsideSources } from '../files/writing/target'
import { writingError } from '../files/writing/writing-error'
import type { SourceFile } from '../checkpoint/containers/container'
import { checkSpace, takenSpace } from '../files/writing/disk-space'
import { writePipelineFiles } from '../checkpoint/pipeline/pipeline-files'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import type { Provider } from '../runtime/session'
import { elementCount, type FloatType } from '../tensor/element-type'
import { FloatEncoder } from '../tensor/float-encoder'
import { throwIfCancelled } from '../cancel'
import { layerTasksOf } from './contributions/contributions'
import type { Contributions } from './contributions/contribution-file'
import { assumedSeconds, taskCost } from './plan/cost'
import { exportKind } from './plan/export-target'
import type { LayerReport } from './fusion/layer-report'
import { writtenBytes } from './jobs/tensor-output'
import { runJobs } from './job-pool'
import type { JobResult } from './jobs/tensor-job'
import { extraJobs, jobsOf, reweightJobs, type PlannedJob } from './jobs'
import { outputBytes, type OutputFile } from './plan/output-files'
import { OutputWriter } from './jobs/output-writer'
import { rebuildingContributions } from './contributions/kept-contributions'
import { writeShardIndexes } from './plan/shards'
import { checkpointsOf, sourcesOf, type LayerTask, type MergePlan, type TensorTask } from './plan/merge-plan'
import { hashSources, mergeMetadata, recipeOf, type Recipe } from './plan/recipe'
import { ExportJournal, type ResumedExport } from './resume/export-journal'
import { leaveOutput, openJournal } from './resume/continue-export'
import { forgetExport, rememberExport } from './resume/unfinished-exports'
import { exportSeal } from './resume/export-seal'
import type { FinishedWork } from './resume/journal-lines'
import { reweightLayer, type ReweightedLayer } from './contributions/reweight'
import type { RegressionReport } from './regression/regression-layer'
import { readBiases } from './jobs/layer-inputs'
import { prepare, type Prepared } from './prepare'
import type { MatrixReport } from './run-layer'
import { LayersRun, type LayerOutcome } from './run-layers'
import { fittedTasks } from './sequential/fitted-tasks'

export type MergePhase = 'hashing' | 'checking' | 'contributing' | 'fitting' | 'merging' | 'flushing'

/** For people. */
export const PHASE_WORDS = {
  hashing: 'hashing',
  checking: 'checking what is written already',
  contributing: 'computing contributions',
  fitting: 'fitting layers',
  merging: 'merging',
  flushing: 'flushing',
} as const satisfies Record<MergePhase, string>

export interface MergeOptions {
  /** Where to write: a file or folder, as the plan's layout has it. */
  path: string
  /** Whether a safetensors file that is no export of this program, or an empty folder, may be replaced. */
  overwrite?: boolean
  provider?: Provider
  /** The built tensor-worker; without it sums run on the calling thread. */
  workerFile?: URL | null
  /** Threads of sums and of matrix products: no byte depends on them. */
  threads?: number
  /** Whether products in which no entry can pass the threshold are left out, as they are if absent: no byte depends on it. */
  screens?: boolean
  /** Where sources' hashes are remembered, and contributions kept. */
  cacheFolder?: string
  /** The bundled table of CLIP's tokens: a folder made from a file needs it. */
  clipVocabulary?: string
  signal?: AbortSignal
  /**
   * An export keeps what is written when it is cancelled, or its process ends, and the next one to the same name
   * continues it. Whether that one is to begin anew instead; absent: nothing is kept or continued.
   */
  resume?: { restart: boolean }
  /** Called with what people should know of an earlier export that is continued, or is not. */
  onResume?: (words: string) => void
  /** Called with the fraction of a phase that is done, 0 … 1, never falling. */
  onProgress?: (phase: MergePhase, fraction: number) => void
}

export interface MergeResult {
  path: string
  recipe: Recipe
  /** Layers merged by correlations, in the order of the file; one entry per group of a grouped layer. */
  layers: LayerReport[]
  /** Layers merged by regression, likewise. */
  regressions: RegressionReport[]
  /** Layers merged by a matrix method, likewise, as far as it counts directions. */
  matrices: MatrixReport[]
  /** Tensors in which finite values were too large for the output's element type. */
  overflowed: string[]
  bytes: number
  seconds: number
  /** Of an earlier export that was continued: how far it had come. */
  resumed: ResumedExport | null
  /** What was found damaged in the cache, and made again. */
  notes: readonly string[]
}

/**
 * Carries out a plan and writes its output under a temporary name, flushed and renamed at the end.
 * @throws FusionError 'not-finite', 'source-changed', 'target', 'cancelled', 'device', 'out-of-memory'; whichever it is,
 * nothing stands at the final name that was not there before
 */
export async function runMerge(plan: MergePlan, options: MergeOptions): Promise<MergeResult> {
  const started = performance.now()
  return collectingDamage(async (notes) => {
    const result = await rebuildingContributions(() => mergeOnce(plan, options))
    return { ...result, notes, seconds: (performance.now() - started) / 1000 }
  })
}

async function mergeOnce(plan: MergePlan, options: MergeOptions): Promise<Omit<MergeResult, 'notes' | 'seconds'>> {
  const { path, cacheFolder, signal, onProgress, resume, provider = 'cpu', workerFile = null } = options
  const { folder, files: outputFiles } = plan.output
  await checkTargetOutsideSources(path, readPaths(plan))
  const rule = { kind: exportKind(folder), overwrite: options.overwrite === true }
  const output = await AtomicOutput.create(path, rule, { continues: resume !== undefined })
  let journal: ExportJournal | null = null
  try {
    const hashes = await hashSources(plan, {
      ...(cacheFolder !== undefined && { cacheFolder }),
      ...(signal && { signal }),
      onProgress: (done, total) => onProgress?.('hashing', total > 0 ? done / total : 1),
    })
    const recipe = recipeOf(plan, hashes, provider)
    const metadata = await mergeMetadata(plan, recipe, hashes)
    if (resume) {
      const seal = await exportSeal(plan, recipe, hashes, metadata, workerFile)
      journal = await ExportJournal.begin(output, outputFiles, seal, resume.restart)
      if (cacheFolder !== undefined) await rememberExport(cacheFolder, output.finalPath)
    }
    const bytes = outputBytes(plan.output, metadata)
    await checkSpace(path, bytes - (await takenSpace(output.temporaryPath)))
    const continues = journal?.continues ?? false
    const writer = new OutputWriter(output.temporaryPath, outputFiles, metadataOf(plan, metadata), continues)
    let written: ReturnType<OutputWriter['finish']>
    let merge: MergeRun
    let resumed: ResumedExport | null = null
    try {
      if (journal) resumed = await openJournal(journal, writer, options)
      merge = new MergeRun(plan, await prepare(plan, hashes, options), writer, journal, options)
      await merge.run()
      written = writer.finish()
    } finally {
      writer.close()
    }
    const files = written.map(({ path: file }) => file)
    if (folder) {
      files.push(...(await writePipelineFiles(plan.base, output.temporaryPath, options.clipVocabulary)))
      files.push(...(await writeShardIndexes(output.temporaryPath, outputFiles)))
      const dataSha256 = new Map(written.map((file) => [file.path, file.dataSha256]))
      files.push(await writeManifest(output.temporaryPath, files, dataSha256))
    }
    onProgress?.('flushing', 0)
    throwIfCancelled(signal)
    journal?.close()
    await output.commit(files)
    if (resume && cacheFolder !== undefined) await forgetExport(cacheFolder, output.finalPath)
    onProgress?.('flushing', 1)
    const overflowed = [...merge.overflowed].sort()
    const { layers, regressions, matrices } = merge
    return { path: output.finalPath, recipe, layers, regressions, matrices, overflowed, bytes, resumed }
  } catch (error) {
    const words = await leaveOutput(output, journal, error)
    if (cacheFolder !== undefined && words === null) await forgetExport(cacheFolder, output.finalPath)
    if (words) throw words
    throw writingError(error, output.finalPath)
  }
}

/** What work tells beside the bytes that it writes. */
type WorkResult = Pick<JobResult, 'overflowed' | 'squaredNorms'>

/** Final bytes of an output file, with their checksum where it is known. */
interface WrittenPlace {
  file: OutputFile
  offset: number
  byteLength: number
  checksum: string | null
}

interface Reweighted {
  task: LayerTask
  layer: ReweightedLayer
}

/** The work of one merge: jobs for threads, and layers for ONNX Runtime, one after the other. */
class MergeRun {
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
    private readonly options: MergeOptions,
  ) {
    this.sources = sourcesOf(plan)
    this.regressions.push(...(prepared.fitted?.reports ?? []))
    this.total = plan.tasks.reduce((sum, task) => sum + this.secondsOf(task), 0)
  }

  async run(): Promise<void> {
    const { plan } = this
    const { contributions, fitted } = this.prepared
    const tensors = plan.tasks.filter((task): task is TensorTask => task.kind === 'tensor')
    const layers = layerTasksOf(plan)
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
      ...plan.output.files.flatMap((file) => extraJobs(file, writer)),
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
          if (!encoder.encode(Float32Array.from(layer.bias), type, write)) this.overflowed.add(task.layer.bias!)
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
      const places = this.placesOf(task)
      const finished = this.journal?.find(places[0]!.file, places[0]!.offset, places[0]!.byteLength)
      if (finished) done(task, finished, places)
      return !finished
    })
    const work = new LayersRun(plan, columns, writer, sources, options)
    await work.run(left, (task, layer) => {
      const places = this.placesOf(task).map((place, index) => ({ ...place, checksum: layer.checksums[index] ?? null }))
      this.note(places, { overflowed: layer.overflowed, squaredNorms: [] }, layer.reports)
      done(task, layer, places)
    })
    const all = tasks.flatMap((task) => reports.get(task)!)
    if (plan.method.kind === 'regression') this.regressions.push(...(all as RegressionReport[]))
    else if (plan.method.kind === 'matrix') this.matrices.push(...(all as MatrixReport[]))
    else this.layers.push(...(all as LayerReport[]))
  }

  /** The bytes of a layer's weight, and of its bias. */
  private placesOf({ destination, biasDestination, biasViews, layer }: LayerTask): WrittenPlace[] {
    const weight = { ...destination, byteLength: writtenBytes(destination, elementCount(layer.shape)), checksum: null }
    if (!biasDestination) return [weight]
    const byteLength = writtenBytes(biasDestination, elementCount(biasViews![0]!.shape))
    return [weight, { ...biasDestination, byteLength, checksum: null }]
  }

  /** Notes in the journal what is done and written. */
  private note(places: readonly WrittenPlace[], result: WorkResult, reports: readonly object[] = []): void {
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

/** Files of merged components carry the recipe; those that are copies of the base's say only what diffusers asks for. */
function metadataOf(plan: MergePlan, metadata: Record<string, string>): (file: OutputFile) => Record<string, string> {
  if (plan.models.length === 1) return () => metadata // all of a conversion is the base's
  const merged = new Set(
    plan.tasks.flatMap((task) => (task.kind === 'layer' || task.views.length > 1 ? [task.destination.file] : [])),
  )
  return (file) => (merged.has(file) ? metadata : { format: 'pt' })
}

/** All that a plan reads: files, and the folders that they make up. */
function readPaths(plan: MergePlan): string[] {
  return [...checkpointsOf(plan), ...sourcesOf(plan)].map(({ path }) => path)
}
