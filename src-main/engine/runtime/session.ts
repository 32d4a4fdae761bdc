import { FusionError } from '../../contract/errors'
import { elementCount, type ElementType } from '../tensor/element-type'
import { ort, type InferenceSession, type OnnxTensor } from './onnxruntime'

/** Version of onnxruntime-node, part of every recipe: another one may round otherwise. */
export const RUNTIME_VERSION: string = ort.env.versions.node ?? 'unknown'

/** Execution providers by ONNX Runtime's own names. */
export const PROVIDERS = ['cpu', 'cuda', 'dml', 'webgpu', 'coreml'] as const
export type Provider = (typeof PROVIDERS)[number]

/** Data of a tensor; a Uint16Array holds float16 bits. */
export type TensorData = Float32Array | Float64Array | Uint16Array | BigInt64Array | Int32Array | Int8Array | Uint8Array

/** A tensor in memory, row-major. */
export interface Tensor {
  data: TensorData
  dims: readonly number[]
}

export interface SessionOptions {
  provider: Provider
  /** Folder to which the locations of external initializers are relative. */
  externalFolder?: string
  /** Threads inside an operator; the runtime's own choice (one per physical core) if absent. */
  threads?: number
  /** Fail where an operator would run on the CPU instead of `provider`. */
  forbidCpuFallback?: boolean
  /** Copies weights into layouts that matrix products like better (default); costs memory and creation time. */
  prepack?: boolean
  /**
   * How much the runtime rewrites the graph. On the CPU the default is 'extended': 'all' also reorders convolution
   * weights into blocks, which takes 25 s and 2 GB for Stable Diffusion's UNet and makes it no faster; its VAE decoder
   * gains a tenth by it.
   */
  optimization?: 'disabled' | 'basic' | 'extended' | 'all'
  /**
   * Keep the memory of intermediate results for the next run. Fresh pages cost a fifth of the time of large networks;
   * the peak is the same.
   */
  keepMemory?: boolean
}

const TYPE_NAMES: { readonly [type in ElementType]?: OnnxTensor.Type } = {
  F32: 'float32',
  F64: 'float64',
  F16: 'float16',
  I64: 'int64',
  I32: 'int32',
  I8: 'int8',
  U8: 'uint8',
}

/** The type of a tensor's elements. */
export function elementTypeOf(data: TensorData): ElementType {
  if (data instanceof Float32Array) return 'F32'
  if (data instanceof Float64Array) return 'F64'
  if (data instanceof Uint16Array) return 'F16'
  if (data instanceof BigInt64Array) return 'I64'
  if (data instanceof Int32Array) return 'I32'
  if (data instanceof Int8Array) return 'I8'
  return 'U8'
}

function toOrt(name: string, { data, dims }: Tensor): OnnxTensor {
  if (data.length !== elementCount(dims))
    throw new FusionError('internal', `Tensor ${name} has ${data.length} elements where [${dims.join()}] takes others.`)
  return new ort.Tensor(TYPE_NAMES[elementTypeOf(data)]!, data, dims)
}

/** Tensors as the runtime takes them, by name: for what is given to many runs. */
export type PreparedTensors = Readonly<Record<string, OnnxTensor>>

/** Prepares tensors once for many runs; they are read anew by every run, so that their data may change in place. */
export function prepareTensors(tensors: Readonly<Record<string, Tensor>>): PreparedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, toOrt(name, tensor)]))
}

/** A network that is ready to run: the runtime's session, with plain typed arrays at its edges. */
export class Session {
  readonly provider: Provider
  readonly #session: InferenceSession

  constructor(session: InferenceSession, provider: Provider) {
    this.#session = session
    this.provider = provider
  }

  get inputNames(): readonly string[] {
    return this.#session.inputNames
  }

  get outputNames(): readonly string[] {
    return this.#session.outputNames
  }

  /**
   * Runs the network; blocks the thread while it computes.
   * @param outputs names to compute (all if absent), or tensors to write the results into (null: a new one).
   * @param prepared inputs that many runs share; `feeds` of the same name count instead
   * @throws FusionError 'out-of-memory', 'device' or 'internal'
   */
  async run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs?: readonly string[] | Readonly<Record<string, Tensor | null>>,
    prepared: PreparedTensors = {},
  ): Promise<Record<string, Tensor>> {
    const given = { ...prepared, ...prepareTensors(feeds) }
    const wanted: [string, Tensor | null][] = !outputs
      ? this.outputNames.map((name) => [name, null])
      : Array.isArray(outputs)
        ? outputs.map((name: string) => [name, null])
        : Object.entries(outputs as Record<string, Tensor | null>)
    try {
      const fetches = Object.fromEntries(wanted.map(([name, into]) => [name, into && toOrt(name, into)]))
      const results = await this.#session.run(given, fetches)
      return Object.fromEntries(
        wanted.map(([name, into]) => {
          const { data, dims } = results[name]!
          return [name, into ?? { data: data as TensorData, dims }]
        }),
      )
    } catch (error) {
      throw runtimeError(error, `The network could not be run on ${this.provider}.`, this.provider)
    }
  }

  /** Frees the weights and closes the files that they lie in. */
  async release(): Promise<void> {
    await this.#session.release()
  }
}

/**
 * Creates a session from the bytes of an ONNX model.
 * @throws FusionError 'device' (provider not usable), 'out-of-memory', or 'internal' (a graph that the runtime refuses)
 */
export async function createSession(model: Uint8Array, options: SessionOptions): Promise<Session> {
  const { provider, externalFolder, threads, forbidCpuFallback, prepack = true, keepMemory = false } = options
  const cpu = provider === 'cpu'
  // Unknown providers would run on the CPU without a word.
  if (!PROVIDERS.includes(provider)) throw new FusionError('device', `There is no execution provider ${provider}.`)
  try {
    const session = await ort.InferenceSession.create(model, {
      executionProviders: [provider],
      graphOptimizationLevel: options.optimization ?? (cpu ? 'extended' : 'all'),
      enableCpuMemArena: keepMemory,
      enableMemPattern: false,
      logSeverityLevel: 3,
      ...(threads !== undefined && { intraOpNumThreads: threads }),
      extra: {
        'session.use_device_allocator_for_initializers': '1',
        'session.intra_op.allow_spinning': '0',
        ...(externalFolder !== undefined && {
          'session.model_external_initializers_file_folder_path': externalFolder,
        }),
        ...(forbidCpuFallback && !cpu && { 'session.disable_cpu_ep_fallback': '1' }),
        ...(!prepack && { 'session.disable_prepacking': '1' }),
      },
    })
    return new Session(session, provider)
  } catch (error) {
    throw runtimeError(error, `The network could not be prepared for ${provider}.`, provider)
  }
}

function runtimeError(error: unknown, message: string, provider: Provider): FusionError {
  if (error instanceof FusionError) return error
  const detail = error instanceof Error ? error.message : String(error)
  if (/bad_alloc|failed to allocate|out of memory|BFCArena|Array buffer allocation/i.test(detail))
    return new FusionError('out-of-memory', `${message} There was not enough memory.`, {
      detail,
      hint: 'Close other programs, or choose a smaller picture or batch.',
      cause: error,
    })
  if (provider !== 'cpu')
    return new FusionError('device', message, {
      detail,
      hint: 'Choose another device; `featurefusion devices` says which ones work.',
      cause: error,
    })
  return new FusionError('internal', message, { detail, cause: error })
}
