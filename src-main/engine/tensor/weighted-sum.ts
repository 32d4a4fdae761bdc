import { decodeFloats, encodeFloats } from './convert'
import { BYTES_PER_ELEMENT, type FloatType } from './element-type'
import { Kernels, type KernelBuffer } from './kernels'
import { notFiniteError, type TensorInputs } from './tensor-inputs'

/** An affine combination of models: Σ_m coefficients[m] · w_m / divisor, where the coefficients sum to the divisor. */
export interface LinearCombination {
  /** One per model; a model with 0 is not read. */
  coefficients: readonly number[]
  divisor: number
}

/** A combination of matrices whose coefficients differ from row to row: Σ_m coefficients[m][row] · w_m. */
export interface RowCombination {
  /** Elements of a row. */
  rowLength: number
  /** The row that the first of the coefficients belong to. */
  firstRow: number
  /** Per model, one for every row; null: the model is not read. */
  coefficients: readonly (Float64Array | null)[]
}

export interface EncodedBlock {
  /** The result in the wanted element type; valid until the next call. */
  bytes: Uint8Array
  /** Whether a finite sum became infinite in the wanted element type. */
  overflowed: boolean
}

/** A block of sums by rows. */
export interface EncodedRows extends EncodedBlock {
  /** Sum of the squares of the values, before they were encoded. */
  squaredNorm: number
}

/** Elements that are summed at a time: the float64 sums of a block stay in a processor's second-level cache. */
export const SUM_BLOCK_ELEMENTS = 32_768

/**
 * The one summing function of the program (architecture.md, rule 7): every linear merge, for preview and for export,
 * comes out of `sum`. Sums are float64, divided and rounded to float32 and then, as PyTorch does, to the wanted type.
 */
export class WeightedSum {
  private readonly kernels: Kernels
  private readonly raw: KernelBuffer
  private readonly values: KernelBuffer
  private readonly sums: KernelBuffer
  private readonly encoded: KernelBuffer

  constructor(private readonly blockElements = SUM_BLOCK_ELEMENTS) {
    const sizes = [8, 4, 8, 8].map((bytes) => bytes * blockElements)
    this.kernels = new Kernels(sizes.reduce((total, size) => total + Kernels.bufferSize(size), 0))
    const [raw, values, sums, encoded] = sizes.map((size) => this.kernels.allocate(size))
    this.raw = raw!
    this.values = values!
    this.sums = sums!
    this.encoded = encoded!
  }

  /**
   * Sums the elements [start, start + count) of a tensor; count at most the block size.
   * @throws FusionError 'not-finite' with the file and the tensor
   */
  sum(
    inputs: TensorInputs,
    { coefficients, divisor }: LinearCombination,
    start: number,
    count: number,
    type: FloatType,
  ): EncodedBlock {
    if (type === 'F64') return this.sumDoubles(inputs, { coefficients, divisor }, start, count)
    const { kernels, raw, values, sums, encoded } = this
    sums.doubles(count).fill(-0) // the only start that leaves zeros of either sign as they are
    let decoded: number | undefined // whose elements `values` holds
    coefficients.forEach((coefficient, model) => {
      if (coefficient === 0) return
      const stored = inputs.types[model]!
      const origin = inputs.origins?.[model]
      if (origin !== undefined && origin === decoded) {
        kernels.run.accumulate(sums.pointer, values.pointer, count, coefficient)
        return
      }
      inputs.read(model, start, raw.bytes(count * BYTES_PER_ELEMENT[stored]))
      if (stored === 'F64') {
        if (!addDoubles(sums.doubles(count), raw.doubles(count), coefficient)) throw notFiniteError(inputs, model)
        return
      }
      if (!decodeFloats(kernels, stored, raw, values, count)) throw notFiniteError(inputs, model)
      decoded = origin
      kernels.run.accumulate(sums.pointer, values.pointer, count, coefficient)
    })
    kernels.run.divide(sums.pointer, values.pointer, count, divisor)
    const finite = encodeFloats(kernels, type, values, encoded, count)
    return { bytes: encoded.bytes(count * BYTES_PER_ELEMENT[type]), overflowed: !finite }
  }

  /**
   * The same for coefficients that differ from row to row; a model whose coefficients are 0 in all rows of the range is
   * not read.
   * @throws FusionError 'not-finite' with the file and the tensor
   */
  sumRows(
    inputs: TensorInputs,
    combination: RowCombination,
    start: number,
    count: number,
    type: FloatType,
  ): EncodedRows {
    const { kernels, values, sums, encoded } = this
    this.accumulateRows(inputs, [combination], [sums], start, count)
    const squaredNorm = this.roundAndMeasure(sums, count)
    const finite = encodeFloats(kernels, type, values, encoded, count)
    return { bytes: encoded.bytes(count * BYTES_PER_ELEMENT[type]), overflowed: !finite, squaredNorm }
  }

  /**
   * The sums of the squares of two such sums of the same models and rows, each model read once.
   * @throws FusionError 'not-finite' with the file and the tensor
   */
  measureRows(
    inputs: TensorInputs,
    combinations: readonly [RowCombination, RowCombination],
    start: number,
    count: number,
  ): [number, number] {
    const { sums, encoded } = this
    this.accumulateRows(inputs, combinations, [sums, encoded], start, count)
    return [this.roundAndMeasure(sums, count), this.roundAndMeasure(encoded, count)]
  }

  /** Sums into float64 buffers, one for each combination; all of the same rows. */
  private accumulateRows(
    inputs: TensorInputs,
    combinations: readonly RowCombination[],
    into: readonly KernelBuffer[],
    start: number,
    count: number,
  ): void {
    const { kernels, raw, values } = this
    const { rowLength, firstRow, coefficients } = combinations[0]!
    const first = Math.floor(start / rowLength)
    const last = Math.floor((start + count - 1) / rowLength)
    for (const sums of into) sums.doubles(count).fill(-0)
    coefficients.forEach((_, model) => {
      const used = combinations.flatMap((combination, index) => {
        const ofRows = combination.coefficients[model]?.subarray(first - firstRow, last - firstRow + 1)
        return ofRows?.some((coefficient) => coefficient !== 0) ? [{ ofRows, sums: into[index]! }] : []
      })
      if (used.length === 0) return
      const stored = inputs.types[model]!
      inputs.read(model, start, raw.bytes(count * BYTES_PER_ELEMENT[stored]))
      if (!decodeFloats(kernels, stored, raw, values, count)) throw notFiniteError(inputs, model)
      for (let row = first; row <= last; row++) {
        const from = Math.max(row * rowLength - start, 0)
        const to = Math.min((row + 1) * rowLength - start, count)
        for (const { ofRows, sums } of used)
          kernels.run.accumulate(sums.pointer + from * 8, values.pointer + from * 4, to - from, ofRows[row - first]!)
      }
    })
  }

  /** Rounds sums to float32, which `values` then holds. Returns the sum of their squares. */
  private roundAndMeasure(sums: KernelBuffer, count: number): number {
    const { kernels, values } = this
    kernels.run.divide(sums.pointer, values.pointer, count, 1)
    return kernels.run.dot(values.pointer, values.pointer, count)
  }

  /**
   * The sum for an output in float64 itself, w + Σ_m c_m (w_m − w) / divisor with w the first model that takes part:
   * only so do copies of one model come back bit for bit.
   */
  private sumDoubles(
    inputs: TensorInputs,
    { coefficients, divisor }: LinearCombination,
    start: number,
    count: number,
  ): EncodedBlock {
    const { kernels, raw, values, encoded } = this
    const results = encoded.doubles(count)
    let first: Float64Array | undefined
    coefficients.forEach((coefficient, model) => {
      if (coefficient === 0) return
      const stored = inputs.types[model]!
      inputs.read(model, start, raw.bytes(count * BYTES_PER_ELEMENT[stored]))
      const exact = stored === 'F64'
      const finite = exact
        ? raw.doubles(count).every(Number.isFinite)
        : decodeFloats(kernels, stored, raw, values, count)
      if (!finite) throw notFiniteError(inputs, model)
      const own = exact ? raw.doubles(count) : values.floats(count)
      if (!first) {
        first = Float64Array.from(own)
        results.set(first)
        return
      }
      for (let i = 0; i < count; i++) {
        const difference = own[i]! - first[i]!
        if (difference !== 0) results[i]! += (coefficient * difference) / divisor
      }
    })
    return { bytes: encoded.bytes(count * 8), overflowed: !results.every(Number.isFinite) }
  }

  /** Elements per call. */
  get capacity(): number {
    return this.blockElements
  }
}

/** sums += coefficient · values; false if a value is not finite. */
function addDoubles(sums: Float64Array, values: Float64Array, coefficient: number): boolean {
  let finite = true
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (!Number.isFinite(value)) finite = false
    sums[i]! += coefficient * value
  }
  return finite
}
