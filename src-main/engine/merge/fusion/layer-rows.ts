import { decodeFloats } from '../../tensor/convert'
import { BYTES_PER_ELEMENT, elementCount, type FloatType } from '../../tensor/element-type'
import { Kernels, type KernelBuffer } from '../../tensor/kernels'
import { notFiniteError, type TensorInputs } from '../../tensor/tensor-inputs'

/** One layer of every model as matrices K_m [rows, inputs], base first (method.md, 'Notation'). */
export interface LayerRows {
  name: string
  models: number
  /** Element types in which the models store it. */
  types: readonly FloatType[]
  /** n, output channels. */
  rows: number
  /** d, inputs of a row. */
  inputs: number
  /** Biases [rows] of every model; null where the layer has none. */
  biases: readonly Float64Array[] | null
  /** Whether a row's elements lie apart, so that reading some rows reads the whole tensor. */
  rowsAreApart?: boolean
  /** Bytes of scratch that reading `count` rows takes. */
  scratchBytes(count: number): number
  /**
   * Writes the rows [start, start + count) of a model's matrix into `into` as float32, using `scratch` for the bytes.
   * @throws FusionError 'not-finite' with file and tensor
   */
  read(model: number, start: number, count: number, into: KernelBuffer, scratch: KernelBuffer, kernels: Kernels): void
}

/** How a layer's weight tensor is the matrix of method.md. */
export interface LayerKind {
  /** Linear and convolution: [out, in, …]; a transposed convolution stores [in, out, …]. */
  transposedConvolution: boolean
  /** Groups of a grouped convolution: rows are compared within their group only. */
  groups: number
}

export const PLAIN_LAYER: LayerKind = { transposedConvolution: false, groups: 1 }

/** The rows of one group of a layer's weight tensors (all rows where there are no groups). */
export class TensorRows implements LayerRows {
  readonly name: string
  readonly models: number
  readonly types: readonly FloatType[]
  readonly rows: number
  readonly inputs: number
  readonly biases: readonly Float64Array[] | null
  readonly rowsAreApart: boolean
  private readonly outputs: number
  private readonly area: number
  private readonly firstRow: number

  /** @param biases of the whole layer, [out] per model */
  constructor(
    private readonly tensor: TensorInputs,
    shape: readonly number[],
    private readonly kind: LayerKind,
    group: number,
    biases: readonly Float64Array[] | null,
  ) {
    const [first, second] = kind.transposedConvolution ? [shape[1]!, shape[0]!] : [shape[0]!, shape[1]!]
    this.area = elementCount(shape.slice(2))
    this.rowsAreApart = kind.transposedConvolution
    this.name = tensor.name
    this.models = tensor.types.length
    this.types = tensor.types
    this.outputs = first
    this.rows = first / kind.groups
    this.inputs = second * this.area
    this.firstRow = group * this.rows
    this.biases = biases && biases.map((bias) => bias.subarray(this.firstRow, this.firstRow + this.rows))
  }

  scratchBytes(count: number): number {
    const widest = Math.max(...this.tensor.types.map((type) => BYTES_PER_ELEMENT[type]))
    if (!this.kind.transposedConvolution) return count * this.inputs * widest
    return Kernels.bufferSize(this.tensor.count * widest) + this.tensor.count * 4
  }

  read(model: number, start: number, count: number, into: KernelBuffer, scratch: KernelBuffer, kernels: Kernels): void {
    const type = this.tensor.types[model]!
    const size = BYTES_PER_ELEMENT[type]
    const first = this.firstRow + start
    if (!this.kind.transposedConvolution) {
      this.tensor.read(model, first * this.inputs, scratch.bytes(count * this.inputs * size))
      if (!decodeFloats(kernels, type, scratch, into, count * this.inputs)) throw notFiniteError(this.tensor, model)
      return
    }
    // Rows of a transposed convolution lie scattered: read all, pick them.
    this.tensor.read(model, 0, scratch.bytes(this.tensor.count * size))
    const decoded = scratch.after(this.tensor.count * size)
    if (!decodeFloats(kernels, type, scratch, decoded, this.tensor.count)) throw notFiniteError(this.tensor, model)
    swapFirstAxes(decoded.floats(this.tensor.count), into.floats(count * this.inputs), this.outputs, this.area, first)
  }
}

/**
 * Rows of a transposed convolution as a matrix: source [in, out, area] → target [rows, in, area], from output channel
 * `first` on.
 */
function swapFirstAxes(source: Float32Array, target: Float32Array, outputs: number, area: number, first: number): void {
  const inputs = source.length / (outputs * area)
  const rows = target.length / (inputs * area)
  for (let row = 0; row < rows; row++)
    for (let input = 0; input < inputs; input++) {
      const from = (input * outputs + first + row) * area
      target.set(source.subarray(from, from + area), (row * inputs + input) * area)
    }
}
