import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import { FusionError } from '../../contract/errors'
import { AtomicOutput, checkTargetOutsideSources, writingError } from '../checkpoint/atomic-output'
import type { Checkpoint, SourceFile } from '../checkpoint/checkpoint'
import { RECIPE_KEY } from '../checkpoint/describe'
import { openCheckpoint } from '../checkpoint/open'
import { writePipelineFiles } from '../checkpoint/pipeline-files'
import { TensorReader } from '../checkpoint/tensor-reader'
import type { Provider } from '../runtime/session'
import { BYTES_PER_ELEMENT, elementCount } from '../tensor/element-type'
import { FloatEncoder } from '../tensor/float-encoder'
import { Kernels } from '../tensor/kernels'
import { throwIfCancelled } from './cancel'
import { assumedSeconds, planCost, taskCost } from './cost'
import type { LayerReport } from './layer-report'
import { runJobs } from './job-pool'
import { extraJobs, jobsOf } from './jobs'
import { outputBytes, type OutputFile } from './output-files'
import { OutputWriter } from './output-writer'
import type { LayerTask, MergePlan, TensorTask } from './plan'
import { hashSources, mergeMetadata, recipeOf, type Recipe } from './recipe'
import { layerMemory, runLayer } from './run-layer'
import { FusionSessions } from './statistics'

export type MergePhase = 'hashing' | 'merging' | 'flushing'

export interface MergeOptions {
  /** Where to write: a file or folder, as the plan's layout has it. */
  path: string
  /** Whether something may be replaced that is no export of this program. */
  overwrite?: boolean
  provider?: Provider
  /** The built tensor-worker; without it sums run on the calling thread. */
  workerFile?: URL | null
  /** Threads of sums and of matrix products: no byte depends on them. */
  threads?: number
  /** Where sources' hashes are remembered. */
  cacheFolder?: string
  /** The bundled table of CLIP's tokens: a folder made from a file needs it. */
  clipVocabulary?: string
  signal?: AbortSignal
  /** Called with the fraction of a phase that is done, 0 … 1, never falling. */
  onProgress?: (phase: MergePhase, fraction: number) => void
}

export interface MergeResult {
  path: string
  recipe: Recipe
  /** Layers merged by correlations, in the order of the file; one entry per group of a grouped layer. */
  layers: LayerReport[]
  /** Tensors in which finite values became infinite in the output's element type. */
  overflowed: string[]
  bytes: number
  seconds: number
}

/**
 * Carries out a plan and writes its output under a temporary name, flushed and renamed at the end.
 * @throws FusionError 'not-finite', 'source-changed', 'target', 'cancelled', 'device', 'out-of-memory'; whichever it is,
 * nothing stands at the final name that was not there before
 */
export async function runMerge(plan: MergePlan, options: MergeOptions): Promise<MergeResult> {
  const started = performance.now()
  const { path, cacheFolder, signal, onProgress, provider = 'cpu' } = options
  const checkpoints = [plan.base, ...plan.models.map(({ checkpoint }) => checkpoint)]
  await checkTarget(path, checkpoints)
  const mayReplace = async (): Promise<boolean> => options.overwrite === true || isOwnExport(path)
  const output = await AtomicOutput.create(path, plan.output.folder, mayReplace)
  try {
    const hashes = await hashSources(plan, {
      ...(cacheFolder !== undefined && { cacheFolder }),
      ...(signal && { signal }),
      onProgress: (done, total) => onProgress?.('hashing', total > 0 ? done / total : 1),
    })
    const recipe = recipeOf(plan, hashes, provider)
    const metadata = await mergeMetadata(plan, recipe, hashes)
    const bytes = outputBytes(plan.output, metadata)
    await checkSpace(path, bytes)
    const writer = new OutputWriter(output.temporaryPath, plan.output.files, metadataOf(plan, metadata))
    const merge = new MergeRun(plan, sourcesOf(checkpoints), writer, options)
    let files: string[]
    try {
      await merge.run()
      files = writer.finish()
    } finally {
      writer.close()
    }
    if (plan.output.folder)
      files.push(...(await writePipelineFiles(plan.base, output.temporaryPath, options.clipVocabulary)))
    onProgress?.('flushing', 0)
    throwIfCancelled(signal)
    await output.commit(files)
    onProgress?.('flushing', 1)
    const seconds = (performance.now() - started) / 1000
    const overflowed = [...merge.overflowed].sort()
    return { path: output.finalPath, recipe, layers: merge.layers, overflowed, bytes, seconds }
  } catch (error) {
    await output.discard()
    throw writingError(error, output.finalPath)
  }
}

/** The work of one merge: jobs for threads, and layers for ONNX Runtime, one after the other. */
class MergeRun {
  readonly layers: LayerReport[] = []
  /** Names of tensors, without their component. */
  readonly overflowed = new Set<string>()
  private readonly total: number
  private done = 0

  constructor(
    private readonly plan: MergePlan,
    private readonly sources: readonly SourceFile[],
    private readonly writer: OutputWriter,
    private readonly options: MergeOptions,
  ) {
    this.total = assumedSeconds(planCost(plan))
  }

  async run(): Promise<void> {
    const { plan, sources } = this
    const tensors = plan.tasks.filter((task): task is TensorTask => task.kind === 'tensor')
    const layers = plan.tasks.filter((task): task is LayerTask => task.kind === 'layer')
    await this.runTensors(tensors)
    if (layers.length > 0) await this.runLayers(layers)
    const reader = new TensorReader(sources)
    try {
      reader.checkUnchanged()
    } finally {
      reader.close()
    }
  }

  private async runTensors(tasks: readonly TensorTask[]): Promise<void> {
    const { plan, writer, options } = this
    const planned = [
      ...tasks.flatMap((task) => jobsOf(task, plan.project.method, writer)),
      ...plan.output.files.flatMap((file) => extraJobs(file, writer)),
    ]
    const byJob = new Map(planned.map((entry) => [entry.job, entry]))
    const pool = {
      workerFile: options.workerFile ?? null,
      threads: options.threads ?? availableParallelism(),
      sources: this.sources,
      ...(options.signal && { signal: options.signal }),
    }
    await runJobs([...byJob.keys()], pool, (job, { overflowed }) => {
      const { task, file, offset } = byJob.get(job)!
      writer.written(file, offset, job.byteLength)
      if (task === null || job.byteLength === 0) return
      const [view] = task.views
      if (overflowed) this.overflowed.add(view!.name)
      const size = BYTES_PER_ELEMENT[task.destination.elementType]
      this.advance((assumedSeconds(taskCost(task)) * job.byteLength) / (elementCount(view!.shape) * size))
    })
  }

  private async runLayers(tasks: readonly LayerTask[]): Promise<void> {
    const { plan, writer, sources, options } = this
    const reader = new TensorReader(sources)
    const sessions = new FusionSessions(options.provider ?? 'cpu', options.threads)
    const settings = plan.project.method
    try {
      const memory = Math.max(...tasks.map((task) => layerMemory(task, reader, settings)))
      const tools = { reader, sessions, kernels: new Kernels(memory), encoder: new FloatEncoder() }
      for (const task of tasks) {
        const { destination, biasDestination, layer } = task
        const write = {
          weight: (at: number, bytes: Uint8Array) => writer.write(destination.file, destination.offset + at, bytes),
          bias: (at: number, bytes: Uint8Array) =>
            writer.write(biasDestination!.file, biasDestination!.offset + at, bytes),
        }
        const { reports, overflowed } = await runLayer(task, settings, tools, write, () => this.pause())
        this.layers.push(...reports)
        if (overflowed) this.overflowed.add(layer.weight)
        this.markWritten(destination, elementCount(layer.shape))
        if (biasDestination) this.markWritten(biasDestination, elementCount(task.biasViews![0]!.shape))
        this.advance(assumedSeconds(taskCost(task)))
      }
    } finally {
      await sessions.release()
      reader.close()
    }
  }

  private markWritten({ file, offset, elementType }: LayerTask['destination'], count: number): void {
    this.writer.written(file, offset, count * BYTES_PER_ELEMENT[elementType])
  }

  /** Lets messages in, a cancel among them. */
  private async pause(): Promise<void> {
    await new Promise(setImmediate)
    throwIfCancelled(this.options.signal)
  }

  private advance(seconds: number): void {
    this.done += seconds
    this.options.onProgress?.('merging', Math.min(1, this.done / this.total))
  }
}

/** Files of merged components carry the recipe; those that are copies of the base's say only what diffusers asks for. */
function metadataOf(plan: MergePlan, metadata: Record<string, string>): (file: OutputFile) => Record<string, string> {
  const merged = new Set(
    plan.tasks.flatMap((task) => (task.kind === 'layer' || task.views.length > 1 ? [task.destination.file] : [])),
  )
  return (file) => (merged.has(file) ? metadata : { format: 'pt' })
}

function sourcesOf(checkpoints: readonly Checkpoint[]): SourceFile[] {
  return [...new Map(checkpoints.flatMap(({ files }) => files.map((file) => [file.path, file] as const))).values()]
}

async function checkTarget(path: string, checkpoints: readonly Checkpoint[]): Promise<void> {
  const sources = checkpoints.flatMap(({ path: own, files }) => [own, ...files.map((file) => file.path)])
  await checkTargetOutsideSources(path, sources)
}

/** Whether a checkpoint stands at `path` that this program wrote: another export may take its place. */
async function isOwnExport(path: string): Promise<boolean> {
  if (!existsSync(path)) return false
  return openCheckpoint(path).then(
    ({ metadata }) => RECIPE_KEY in metadata,
    () => false,
  )
}

/** @throws FusionError 'target' where the disk has less room than the output takes */
async function checkSpace(path: string, bytes: number): Promise<void> {
  let folder = dirname(resolve(path))
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (free >= bytes) return
  const megabytes = (value: number): string => `${Math.ceil(value / 1e6).toLocaleString('en')} MB`
  throw new FusionError('target', `${path} takes ${megabytes(bytes)}; its disk has ${megabytes(free)} left.`, {
    hint: 'Free some space or write to another disk.',
  })
}
