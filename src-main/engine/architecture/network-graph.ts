import { realpathSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { FusionError } from '../../contract/errors'
import { readBytes } from '../checkpoint/containers/stored-values'
import { liesInFile, type ScaledTensor, type StoredTensor } from '../checkpoint/containers/container'
import type { TensorView } from '../checkpoint/model/checkpoint'
import { GraphBuilder, type Attribute, type Dimension, type Value } from '../graph/onnx-builder'
import { encodeModel, ONNX_DATA_TYPE, type ModelProto } from '../graph/onnx-schema'
import { BYTES_PER_ELEMENT, elementCount, isFloatType, type ElementType } from '../tensor/element-type'

/** The format takes 2 GB, the runtime a copy of them. */
const MOST_BYTES_IN_GRAPH = 1.5e9

/** How a network is built. */
export interface NetworkOptions {
  /** Type in which most operators compute; norms and softmax always compute in float32. */
  computeType: 'F32' | 'F16'
  /**
   * Weights as initializers that lie in their files, or as plain inputs that may change with every run. Computed weights
   * (of adapters) are inputs in any case.
   */
  weights: 'initializers' | 'inputs'
  /** The runtime's fused attention, or plain products in this many slices of the queries (bounds the score matrix). */
  attention: 'fused' | number
  /**
   * Width of the channel blocks in which convolutions take filters that are inputs (runtime/blocked-convolution.ts);
   * absent: as they are. For the CPU, in float32.
   */
  convolutionBlock?: number
  /** Modules (diffusers' names) whose outputs become the graph outputs `tap/NAME`, to find faults. */
  taps?: readonly string[]
  /** Layers (diffusers' modules with a matrix of weights) whose inputs become graph outputs: BuiltNetwork.layerInputs. */
  layerInputs?: readonly string[]
}

/** The window of a convolution over its input. */
export interface Window {
  kernel: number
  stride: number
  /** Zeros around the image: top, left, bottom, right. */
  pads: readonly number[]
}

/** What a layer gets while the network runs. */
export interface LayerInput {
  /** The layer's module: its weight is `${module}.weight`. */
  module: string
  /** Graph output, float32: rows [positions, inputs], or for a convolution the image [batch, channels, h, w]. */
  output: string
  /** Null for rows: every row is one input of the layer. */
  window: Window | null
}

/** A weight that the network takes as a float32 input. */
export interface WeightInput {
  name: string
  dims: readonly number[]
  view: TensorView
  /** Set where the graph takes a convolution's filters in blocks of so many channels: Network reorders them. */
  block?: number
}

/** A network as an ONNX model, with what it needs at run time. */
export interface BuiltNetwork {
  model: Uint8Array
  /** The same, to be cut into sections (graph/sections.ts). */
  graph: ModelProto
  /** Folder of the weights' files; absent where no weight lies in a file. */
  externalFolder?: string
  /** Bytes of all its weights in float32. */
  weightBytes: number
  /** Inputs to feed with weights: all, or those that are computed. */
  weightInputs: readonly WeightInput[]
  /** Inputs of the layers that the options name, in the order of the network. */
  layerInputs: readonly LayerInput[]
}

/** The graph of one network while it is built: operators, weights by their diffusers names, and taps. */
export class NetworkGraph {
  readonly graph: GraphBuilder
  readonly options: NetworkOptions
  readonly #name: string
  readonly #tensors: ReadonlyMap<string, TensorView>
  readonly #weights = new Map<string, Value>()
  readonly #used = new Set<string>()
  readonly #weightInputs: WeightInput[] = []
  readonly #shapes = new Map<string, Value>()
  readonly #realPaths = new Map<string, string>()
  readonly #missingTaps: Set<string>
  readonly #missingInputs: Set<string>
  readonly #layerInputs: LayerInput[] = []
  #externalFolder: string | undefined
  #bytesInGraph = 0

  /** @param name what messages call the network: `UNet2DConditionModel` */
  constructor(
    name: string,
    tensors: ReadonlyMap<string, TensorView>,
    options: NetworkOptions,
    graph = new GraphBuilder(name),
  ) {
    this.#name = name
    this.graph = graph
    this.options = options
    this.#tensors = tensors
    this.#missingTaps = new Set(options.taps)
    this.#missingInputs = new Set(options.layerInputs)
  }

  /** A node with one output; see GraphBuilder.node. */
  node(operator: string, inputs: readonly (Value | null)[], attributes?: Record<string, Attribute | undefined>): Value {
    return this.graph.node(operator, inputs, attributes)
  }

  /** A float32 graph input as a value of the compute type. */
  input(name: string, dims: readonly Dimension[]): Value {
    return this.toCompute(this.graph.input(name, 'F32', dims))
  }

  /** A value of the compute type as a float32 graph output. */
  output(name: string, value: Value, dims: readonly Dimension[]): void {
    this.graph.output(name, this.toFloat32(value), 'F32', dims)
  }

  /** Exposes a module's output where the options ask for it; `view` gives the value in diffusers' shape. */
  tap(module: string, rank: number, view: () => Value): void {
    if (!this.#missingTaps.delete(module)) return
    const dims = Array.from({ length: rank }, (_, axis) => `${module}/${axis}`)
    this.output(`tap/${module}`, view(), dims)
  }

  /** Exposes what a layer gets where the options ask for it: rows, or an image with the window that moves over it. */
  layerInput(module: string, value: Value, window: Window | null = null): void {
    if (!this.#missingInputs.delete(module)) return
    const output = `input/${module}`
    const dims = Array.from({ length: window ? 4 : 2 }, (_, axis) => `${output}/${axis}`)
    this.output(output, value, dims)
    this.#layerInputs.push({ module, output, window })
  }

  cast(value: Value, type: ElementType): Value {
    return this.node('Cast', [value], { to: ONNX_DATA_TYPE[type] })
  }

  toFloat32(value: Value): Value {
    return this.options.computeType === 'F32' ? value : this.cast(value, 'F32')
  }

  toCompute(value: Value): Value {
    return this.options.computeType === 'F32' ? value : this.cast(value, this.options.computeType)
  }

  /** A constant in the compute type. */
  constant(values: number | readonly number[]): Value {
    return this.toCompute(this.graph.floats(values))
  }

  has(name: string): boolean {
    return this.#tensors.has(name)
  }

  /**
   * The weight `name` with the given dims (a stored shape may differ by trailing ones), in the compute type or `type`.
   * @param block for filters that are an input: see WeightInput
   * @throws FusionError 'malformed' (missing, wrong shape) or 'unsupported' (element type, weights in several folders)
   */
  weight(name: string, dims: readonly number[], type: 'F32' | 'F16' = this.options.computeType, block?: number): Value {
    const known = this.#weights.get(name)
    if (known) return known
    const view = this.#view(name, dims)
    let value: Value
    if (this.#isInput(view)) {
      this.#weightInputs.push({ name, dims, view, ...(block !== undefined && { block }) })
      // Half precision stays inside: newer Node's Float16Array does not reach the runtime.
      value = this.graph.input(name, 'F32', dims)
      if (type === 'F16') value = this.cast(value, 'F16')
    } else {
      value = this.#stored(view, dims)
      if (view.stored.elementType !== type) value = this.cast(value, type)
    }
    this.#weights.set(name, value)
    return value
  }

  /**
   * The matrix `name` of [rows, columns] as its file has it: `transposed` where that is [columns, rows]. A Gemm takes
   * either; the runtime's optimiser fails on a Transpose of float32 weights before one.
   */
  matrix(name: string, dims: readonly [number, number]): { value: Value; transposed: boolean } {
    const { computeType } = this.options
    const view = this.#view(name, dims)
    if (!view.transposed || this.#isInput(view)) return { value: this.weight(name, dims), transposed: false }
    const value = this.#initializer(view, [...dims].reverse())
    return { value: view.stored.elementType === computeType ? value : this.cast(value, computeType), transposed: true }
  }

  /**
   * One of two equal halves of the rows of the weight `name` with the given full dims, without a copy where it lies in
   * a file.
   */
  half(name: string, dims: readonly number[], index: 0 | 1): Value {
    const key = `${name}/${index}`
    const known = this.#weights.get(key)
    if (known) return known
    const { computeType } = this.options
    const view = this.#view(name, dims)
    if (this.#isInput(view)) {
      const parts = this.graph.nodes('Split', [this.weight(name, dims)], 2, { axis: 0, num_outputs: 2 })
      parts.forEach((part, i) => this.#weights.set(`${name}/${i}`, part))
      return parts[index]!
    }
    const rows = [dims[0]! / 2, ...dims.slice(1)]
    const start = view.start + index * elementCount(rows)
    const stored = this.#stored({ ...view, name: key, start }, rows)
    const value = view.stored.elementType === computeType ? stored : this.cast(stored, computeType)
    this.#weights.set(key, value)
    return value
  }

  /** An int64 vector made of numbers and dimensions of values: `shape([[x, 0], -1, 320])`. */
  shape(parts: readonly (number | readonly [Value, number])[]): Value {
    if (parts.every((part) => typeof part === 'number')) return this.graph.ints(parts as readonly number[])
    const key = parts.join(';')
    let value = this.#shapes.get(key)
    if (!value) {
      const vectors = parts.map((part) => (typeof part === 'number' ? this.graph.ints([part]) : this.size(...part)))
      value = this.node('Concat', vectors, { axis: 0 })
      this.#shapes.set(key, value)
    }
    return value
  }

  /** The size of one dimension (or of those up to `end`) of a value, as an int64 vector. */
  size(value: Value, axis: number, end = axis + 1): Value {
    const key = `${value}:${axis}:${end}`
    let size = this.#shapes.get(key)
    if (!size) {
      size = this.node('Shape', [value], { start: axis, end })
      this.#shapes.set(key, size)
    }
    return size
  }

  reshape(value: Value, parts: readonly (number | readonly [Value, number])[]): Value {
    return this.node('Reshape', [value, this.shape(parts)])
  }

  transpose(value: Value, perm: readonly number[]): Value {
    return this.node('Transpose', [value], { perm })
  }

  /**
   * The finished network.
   * @param expected decides of each tensor whether this network should use it
   * @throws FusionError 'incompatible' where the weights hold layers that the config does not know
   */
  finish(expected: (name: string) => boolean = () => true): BuiltNetwork {
    const unused = [...this.#tensors.values()].filter(
      ({ name, stored }) => !this.#used.has(name) && isFloatType(stored.elementType) && expected(name),
    )
    if (unused.length > 0)
      throw new FusionError(
        'incompatible',
        `${unused[0]!.stored.path} holds ${unused.length} tensors for which the ${this.#name} of its config has no place: ${unused[0]!.name}.`,
        {
          detail: unused.map(({ name }) => name).join('\n'),
          hint: 'Check that config.json belongs to these weights.',
        },
      )
    const missing = [...this.#missingTaps, ...this.#missingInputs]
    if (missing.length > 0) throw new Error(`no module is named ${missing.join()}`)
    const graph = this.graph.toModel()
    return {
      model: encodeModel(graph),
      graph,
      weightBytes: [...this.#used].reduce((sum, name) => sum + 4 * elementCount(this.#tensors.get(name)!.shape), 0),
      ...(this.#externalFolder !== undefined && { externalFolder: this.#externalFolder }),
      weightInputs: this.#weightInputs,
      layerInputs: this.#layerInputs,
    }
  }

  /** Computed weights lie in no file that the runtime could read. */
  #isInput({ stored }: TensorView): boolean {
    return this.options.weights === 'inputs' || !liesInFile(stored)
  }

  #view(name: string, dims: readonly number[]): TensorView {
    const view = this.#tensors.get(name)
    if (!view) {
      const file = this.#tensors.values().next().value?.stored.path
      throw new FusionError('malformed', `The ${this.#name} lacks the tensor ${name}${file ? ` (${file})` : ''}.`, {
        hint: 'The file is incomplete, or config.json belongs to another model.',
      })
    }
    if (withoutTrailingOnes(view.shape) !== withoutTrailingOnes(dims))
      throw new FusionError(
        'malformed',
        `${view.stored.path}: the tensor ${name} has the shape [${view.shape.join()}] where the config asks for [${dims.join()}].`,
        { hint: 'Check that config.json belongs to these weights.' },
      )
    if (!isFloatType(view.stored.elementType))
      throw new FusionError(
        'unsupported',
        `${view.stored.path}: the weight ${name} is stored as ${view.stored.elementType}, which a network cannot use.`,
      )
    this.#used.add(name)
    return view
  }

  /** A stored tensor as a value of `dims`, whichever way round its file has it. */
  #stored(view: TensorView, dims: readonly number[]): Value {
    if (!view.transposed) return this.#initializer(view, dims)
    return this.transpose(this.#initializer(view, [...dims].reverse()), [1, 0])
  }

  /**
   * A stored tensor as an initializer that lies in its file, or, where the runtime could not read it there (PyTorch's
   * strides), in the graph. @param dims as they are stored
   */
  #initializer(view: TensorView, dims: readonly number[]): Value {
    const { name, stored, start } = view
    if (stored.scaled) return this.#scaled(view, stored.scaled, dims)
    const bytes = BYTES_PER_ELEMENT[stored.elementType]
    if (stored.strides) {
      const values = readBytes(stored).subarray(start * bytes, (start + elementCount(dims)) * bytes)
      this.#countInGraph(stored, values.byteLength)
      return this.graph.initializer(name, stored.elementType, dims, values)
    }
    return this.graph.externalInitializer(name, stored.elementType, dims, {
      location: this.#location(stored.path),
      offset: stored.offset + start * bytes,
      length: elementCount(dims) * bytes,
    })
  }

  /** Codes with a scale as float32 values: whole rows of them, with the scales of these rows. */
  #scaled(view: TensorView, { codes, scale }: ScaledTensor, dims: readonly number[]): Value {
    const values = this.cast(this.#initializer({ ...view, stored: codes }, dims), 'F32')
    const count = elementCount(scale.shape)
    const rowLength = elementCount(codes.shape) / count
    const [first, rows] = count === 1 ? [0, 1] : [view.start / rowLength, elementCount(dims) / rowLength]
    const scaleView = { ...view, name: `${view.name}/scale`, stored: scale, start: first }
    const factors = this.#initializer(scaleView, [rows, ...dims.slice(1).map(() => 1)])
    return this.node('Mul', [values, scale.elementType === 'F32' ? factors : this.cast(factors, 'F32')])
  }

  /** @throws FusionError 'unsupported' where a graph would become too large for its format */
  #countInGraph({ path }: StoredTensor, byteLength: number): void {
    this.#bytesInGraph += byteLength
    if (this.#bytesInGraph <= MOST_BYTES_IN_GRAPH) return
    throw new FusionError(
      'unsupported',
      `${path} stores most weights of the ${this.#name} in another order (strides).`,
      {
        hint: 'Merge it alone with weight 1, which writes them in their usual order, and draw with that.',
      },
    )
  }

  /** A file's name inside the one folder that the runtime may read; links (of a model cache) are followed first. */
  #location(path: string): string {
    let real = this.#realPaths.get(path)
    if (real === undefined) this.#realPaths.set(path, (real = realpathSync(path)))
    this.#externalFolder ??= dirname(real)
    if (dirname(real) !== this.#externalFolder)
      throw new FusionError(
        'unsupported',
        `The weights of the ${this.#name} lie in two folders: ${this.#externalFolder} and ${dirname(real)}.`,
        { hint: 'Put all its weight files into one folder.' },
      )
    return basename(real)
  }
}

function withoutTrailingOnes(shape: readonly number[]): string {
  return shape.join().replace(/(,1)+$/, '')
}
