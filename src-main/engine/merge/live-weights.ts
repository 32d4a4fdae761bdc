import { FusionError } from '../../contract/errors'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import type { Tensor } from '../runtime/session'
import type { WeightInput } from '../architecture/network-graph'
import { decodeFloats } from '../tensor/convert'
import { BYTES_PER_ELEMENT, elementCount, type FloatType } from '../tensor/element-type'
import { FloatEncoder } from '../tensor/float-encoder'
import { Kernels } from '../tensor/kernels'
import { yieldOrCancel } from '../cancel'
import type { Contributions } from './contributions/contribution-file'
import { jobsOf, reweightJobs, type JobPlaces, type PlannedJob } from './jobs'
import type { LayerTask, MergePlan, TensorTask } from './plan/merge-plan'
import { sourcesOf } from './plan/merge-plan'
import { reweightLayer } from './contributions/reweight'
import { gainedBias } from './jobs/gained-bias'
import { readBiases } from './jobs/layer-inputs'
import { TensorJobRunner } from './jobs/tensor-job'
import { isDenoiser } from '../../contract/values/denoisers'

export interface LiveUpdate {
  /** Tensors that were summed, of how many. */
  summed: number
  tensors: number
  seconds: number
}

/** Jobs write into memory here: each tensor from its own start on. */
const MEMORY: JobPlaces = { target: () => ({ path: '', position: 0 }) }
/** Values that are decoded at a time. */
const BLOCK_ELEMENTS = 256 * 1024
/** Of contributions that stay in memory from one update to the next: all those of a small network. */
const KEPT_BYTES = 64 * 1024 * 1024

/**
 * The weights of a merge's denoiser in memory, for a network that takes them as inputs: the bytes of the export, by
 * the export's own jobs, decoded to float32 (architecture.md, rule 7). Only what changed is summed again.
 */
export class LiveWeights {
  /** By name, float32. */
  readonly tensors: Record<string, Tensor & { data: Float32Array }>
  /** What each tensor was made from. */
  private readonly made = new Map<string, string>()
  private readonly decoder = new ExportDecoder()
  /** What was read once for all weights: biases by layer, of the models that `origin` names. */
  private origin = ''
  private readonly biases = new Map<string, Float64Array[] | null>()
  /** From one update to the next of the same models. */
  private sources: { runner: TensorJobRunner; reader: TensorReader } | null = null

  constructor(wanted: readonly Pick<WeightInput, 'name' | 'dims'>[]) {
    this.tensors = Object.fromEntries(
      wanted.map(({ name, dims }) => [name, { data: new Float32Array(elementCount(dims)), dims }]),
    )
  }

  /**
   * Makes `tensors` those of a plan. Files stay open for the next update, until `closeFiles`.
   * @param contributions of the plan's layers, where it merges by correlations
   * @throws FusionError 'not-finite', 'source-changed', 'cancelled': then the next update goes on from there
   */
  async update(plan: MergePlan, contributions: Contributions | null, signal?: AbortSignal): Promise<LiveUpdate> {
    const started = performance.now()
    const tasks = plan.tasks.filter(({ component }) => isDenoiser(component))
    const origin = originOf(plan)
    if (origin !== this.origin) {
      this.biases.clear()
      this.closeFiles()
    }
    this.origin = origin
    const changed = tasks.filter((task) => this.made.get(task.name) !== signatureOf(task, origin))
    const { runner, reader } = (this.sources ??= openSources(plan))
    try {
      for (const task of changed) {
        await yieldOrCancel(signal)
        this.made.delete(task.name)
        if (task.kind === 'tensor')
          this.take(task.name, task, jobsOf(upright(task), plan.project.method, MEMORY), runner)
        else this.takeLayer(task, contributions, plan, runner, reader)
        this.made.set(task.name, signatureOf(task, origin))
      }
    } catch (error) {
      // What was wrong with a file may be mended before the next update.
      this.closeFiles()
      throw error
    }
    return { summed: changed.length, tensors: tasks.length, seconds: (performance.now() - started) / 1000 }
  }

  /** Lets files be replaced. */
  closeFiles(): void {
    this.sources?.runner.close()
    this.sources = null
  }

  private takeLayer(
    task: LayerTask,
    contributions: Contributions | null,
    { project }: MergePlan,
    runner: TensorJobRunner,
    reader: TensorReader,
  ): void {
    if (!contributions) throw new FusionError('internal', 'A merge by correlations needs contributions to be live.')
    const name = task.name
    if (!this.biases.has(name)) this.biases.set(name, readBiases(task, reader))
    const layer = reweightLayer(task, contributions, project.method, this.biases.get(name)!)
    this.take(name, task, reweightJobs(upright(task), layer, MEMORY), runner)
    const { biasDestination } = task
    const into = task.layer.bias === null ? undefined : this.tensors[task.layer.bias]
    if (!layer.bias || !biasDestination || !into) return
    const type = biasDestination.elementType as FloatType
    this.decoder.encodeAs(gainedBias(layer.bias, biasDestination.gain), type, into.data)
  }

  private take(
    name: string,
    { destination }: TensorTask | LayerTask,
    jobs: PlannedJob[],
    runner: TensorJobRunner,
  ): void {
    const into = this.tensors[name]
    if (!into) return
    const type = destination.elementType as FloatType
    for (const { job } of jobs) {
      if (destination.scaled) {
        runner.run(job, (at, bytes) => this.takeScaled(at, bytes, type, into.data))
        continue
      }
      const first = job.target.position / BYTES_PER_ELEMENT[type]
      runner.run(job, (at, bytes) => this.decoder.decode(bytes, type, into.data, first + at / BYTES_PER_ELEMENT[type]))
    }
  }

  /** Codes are decoded as they come; behind them comes their scale. */
  private takeScaled(at: number, bytes: Uint8Array, type: FloatType, into: Float32Array): void {
    if (at < into.length) return this.decoder.decode(bytes, type, into, at)
    const scale = new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true)
    for (let index = 0; index < into.length; index++) into[index]! *= scale
  }
}

function openSources(plan: MergePlan): { runner: TensorJobRunner; reader: TensorReader } {
  const reader = new TensorReader(sourcesOf(plan), KEPT_BYTES)
  return { runner: new TensorJobRunner(reader), reader }
}

/** In the order of diffusers' form, whatever the output's layout. */
function upright<Task extends TensorTask | LayerTask>(task: Task): Task {
  return { ...task, destination: { ...task.destination, transposed: false } }
}

/** What all tensors of a plan depend on: sources as they are, method and parameters. */
function originOf(plan: MergePlan): string {
  return JSON.stringify([
    plan.project.method,
    plan.project.ema,
    plan.models.map(({ entry: { path, strengths } }) => [path, strengths]),
    sourcesOf(plan),
  ])
}

function signatureOf({ weights, destination }: TensorTask | LayerTask, origin: string): string {
  return `${JSON.stringify(weights)} ${destination.elementType} ${destination.scaled} ${origin}`
}

/** Turns bytes of an export into float32. */
class ExportDecoder {
  private readonly kernels = new Kernels(2 * Kernels.bufferSize(BLOCK_ELEMENTS * 8))
  private readonly raw = this.kernels.allocate(BLOCK_ELEMENTS * 8)
  private readonly values = this.kernels.allocate(BLOCK_ELEMENTS * 8)
  private readonly encoder = new FloatEncoder()

  /** Puts the decoded bytes into `into` from element `start` on. */
  decode(bytes: Uint8Array, type: FloatType, into: Float32Array, start: number): void {
    const size = BYTES_PER_ELEMENT[type]
    const count = bytes.byteLength / size
    for (let first = 0; first < count; first += BLOCK_ELEMENTS) {
      const length = Math.min(BLOCK_ELEMENTS, count - first)
      this.raw.bytes(length * size).set(bytes.subarray(first * size, (first + length) * size))
      decodeFloats(this.kernels, type, this.raw, this.values, length)
      into.set(this.values.floats(length), start + first)
    }
  }

  /** Puts float32 values, rounded to the export's type first, into `into`. */
  encodeAs(floats: Float32Array, type: FloatType, into: Float32Array): void {
    this.encoder.encode(floats, type, (at, bytes) => this.decode(bytes, type, into, at / BYTES_PER_ELEMENT[type]))
  }
}
