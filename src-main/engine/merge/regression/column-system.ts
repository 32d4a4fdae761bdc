import { sum } from '../../../contract/values/sum'
import type { YieldOrCancel } from '../../cancel'
import type { Tensor } from '../../runtime/session'
import { KernelBuffer, type Kernels } from '../../tensor/kernels'
import { inBlocks, joinBlocks, PositiveSolver } from './positive-solver'
import { InputMetric } from './input-metric'
import type { RegressionSessions } from './regression-sessions'

/** Real inputs of a layer per model (method.md, 'Feature regression'): X_m. */
export interface InputColumns {
  /** S_m per model; 0 where none were gathered. */
  counts: readonly number[]
  /** Bytes of scratch that reading a model's columns takes. */
  scratchBytes(model: number): number
  /** Writes a model's columns as rows [S_m, d] into `into`, float32. */
  read(model: number, into: KernelBuffer, scratch: KernelBuffer, kernels: Kernels): void
}

/** What a layer's ridge problem minimises: Σ_m w_m ‖(W − K_m) X_m‖² + λ ‖W − K̄‖². */
export interface RidgeOptions {
  /** Weight α_m ≥ 0 per model, base first; not all 0. */
  weights: readonly number[]
  /** λ as a multiple of a mean: see `gram`. */
  ridge: number
  /**
   * Absent: feature regression (method.md), w_m = α_m, λ of the columns' mean squared length. Else RegMean's form:
   * w_m = α_m / S_m, so that each model's Gram matrix is a mean; λ of the mean of their sum's diagonal; and all that is
   * not on the diagonal of a Gram matrix is multiplied by a factor in [0, 1] (`offDiagonals`).
   */
  gram?: { offDiagonals: number }
}

/** R (XᵀX + λI)⁻¹ Xᵀ of some rows, and how far they were and are from the features that were asked for. */
export interface SolvedRows {
  /** [n, d] as a product left · right, or itself where `right` is null. */
  left: Tensor
  right: Tensor | null
  /** ‖R‖² */
  before: number
  /** ‖R − (W − K̄) X‖² */
  after: number
}

/**
 * The ridge problem of one layer, whose inputs are the columns X = [√w_m X_m]. With ΣS columns of length d it is solved
 * in the smaller of two equal forms, R (XᵀX + λI)⁻¹ Xᵀ = R Xᵀ (X Xᵀ + λI)⁻¹: of size ΣS or of size d. Where off-diagonals
 * are made smaller, columns and rows are those of another metric (input-metric.ts), in which λ is 1.
 */
export class ColumnSystem {
  /** Columns taken per model: a model without weight is left out with its columns. */
  readonly counts: readonly number[]
  /** ΣS */
  readonly total: number
  private readonly x: KernelBuffer
  private readonly transposed: KernelBuffer | null
  private solver: PositiveSolver | null = null
  private ridge = 0
  private inputMetric: InputMetric | null = null

  /** @param inputs d */
  constructor(
    private readonly inputs: number,
    private readonly columns: InputColumns,
    private readonly options: RidgeOptions,
    private readonly sessions: RegressionSessions,
    private readonly kernels: Kernels,
  ) {
    this.counts = takenColumns(columns, options.weights)
    this.total = sum(this.counts)
    const [x, transposed] = ColumnSystem.bufferBytes(inputs, columns, options.weights).map((bytes) =>
      kernels.allocate(bytes),
    )
    this.x = x!
    this.transposed = transposed ?? null
  }

  /** Sizes of its buffers. */
  static bufferBytes(inputs: number, columns: InputColumns, weights: readonly number[]): number[] {
    const total = sum(takenColumns(columns, weights))
    const bytes = total * inputs * 4
    return inputs < total ? [bytes, bytes] : [bytes]
  }

  /** Scratch that reading the columns takes. */
  static scratchBytes(columns: InputColumns, weights: readonly number[]): number {
    return Math.max(
      0,
      ...takenColumns(columns, weights).map((own, model) => (own > 0 ? columns.scratchBytes(model) : 0)),
    )
  }

  /** λ, once the system is factored. */
  lambda = 0

  /** How rows are to be given and are returned, once the system is factored; null: as they are. */
  get metric(): InputMetric | null {
    return this.inputMetric
  }

  /**
   * Reads the columns and factors the system; false where there is nothing to solve (no columns, or all are 0).
   * @throws RangeError where the ridge is too small
   */
  async factor(scratch: KernelBuffer, yieldOrCancel: YieldOrCancel): Promise<boolean> {
    const { total, inputs, transposed, x, sessions, options } = this
    this.loadColumns(scratch)
    const squares = this.squares(x, total, inputs).reduce((all, own) => all + own, 0)
    if (squares === 0) return false
    this.ridge = this.lambda = (options.ridge * squares) / (options.gram ? inputs : total)
    if (options.gram && options.gram.offDiagonals < 1) this.enterMetric(options.gram.offDiagonals)
    if (transposed) this.transpose(transposed)
    const [matrix, size, length] = transposed ? [transposed, inputs, total] : [x, total, inputs]
    const diagonal = this.squares(matrix, size, length)
    const panel = async (first: number, width: number): Promise<Float64Array> => {
      const below = this.part(matrix, first, size - first, length)
      const product = Float64Array.from(await sessions.rowProduct(below, this.part(matrix, first, width, length)))
      for (let i = 0; i < width; i++) product[i * width + i] = diagonal[first + i]! + this.ridge
      return product
    }
    this.solver = await PositiveSolver.factor(size, sessions, panel, yieldOrCancel)
    return true
  }

  /** X_m, scaled, as rows [S_m, d]. */
  ofModel(model: number): Tensor {
    return this.part(this.x, sum(this.counts.slice(0, model)), this.counts[model]!, this.inputs)
  }

  /** @param errors R [n, ΣS] of some rows, row-major */
  async solve(errors: Float32Array, yieldOrCancel: YieldOrCancel): Promise<SolvedRows> {
    const { total, inputs, transposed, x, sessions, ridge } = this
    const count = errors.length / total
    const before = product(errors, errors)
    if (!transposed) {
      const solved = await this.solver!.solve(inBlocks(errors, count), yieldOrCancel)
      const left = joinBlocks(solved, count, new Float32Array(errors.length))
      const after = ridge ** 2 * product(left, left) // R − (W − K̄) X = λ Y
      return { left: { data: left, dims: [count, total] }, right: this.part(x, 0, total, inputs), before, after }
    }
    const right = await sessions.rowProduct(
      { data: errors, dims: [count, total] },
      this.part(transposed, 0, inputs, total),
    )
    const solved = await this.solver!.solve(inBlocks(right, count), yieldOrCancel)
    const left = joinBlocks(solved, count, new Float32Array(right.length))
    const after = before - product(right, left) - ridge * product(left, left)
    return { left: { data: left, dims: [count, inputs] }, right: null, before, after: Math.max(0, after) }
  }

  /** √w_m: what a model's columns are multiplied by. */
  columnScale(model: number): number {
    const { weights, gram } = this.options
    return Math.sqrt(weights[model]! / (gram ? this.counts[model]! : 1))
  }

  private loadColumns(scratch: KernelBuffer): void {
    const { columns, counts, inputs, kernels, x } = this
    let first = 0
    counts.forEach((count, model) => {
      if (count === 0) return
      const own = new KernelBuffer(kernels.run.memory, x.pointer + first * inputs * 4, count * inputs * 4)
      columns.read(model, own, scratch, kernels)
      kernels.run.scale(own.pointer, count * inputs, this.columnScale(model))
      first += count
    })
  }

  private enterMetric(offDiagonals: number): void {
    const { counts, options, lambda, inputs, kernels, x, total } = this
    const columns = counts.map((_, model) => this.ofModel(model).data as Float32Array)
    this.inputMetric = new InputMetric(columns, inputs, options.weights, lambda, offDiagonals)
    const all = x.floats(total * inputs)
    this.inputMetric.divide(all)
    kernels.run.scale(x.pointer, all.length, Math.sqrt(offDiagonals))
    this.ridge = 1
  }

  private transpose(into: KernelBuffer): void {
    const { inputs, x, total } = this
    const [source, target] = [x.floats(total * inputs), into.floats(total * inputs)]
    for (let column = 0; column < total; column++)
      for (let i = 0; i < inputs; i++) target[i * total + column] = source[column * inputs + i]!
  }

  /** Squared lengths of a matrix's rows. */
  private squares(matrix: KernelBuffer, rows: number, length: number): Float64Array {
    return Float64Array.from({ length: rows }, (_, row) => {
      const at = matrix.pointer + row * length * 4
      return this.kernels.run.dot(at, at, length)
    })
  }

  private part(buffer: KernelBuffer, first: number, count: number, length: number): Tensor {
    return { data: buffer.floats(count * length, first * length), dims: [count, length] }
  }
}

function takenColumns({ counts }: InputColumns, weights: readonly number[]): number[] {
  return counts.map((count, model) => (weights[model]! > 0 ? count : 0))
}

/** Σ a_i b_i in float64. */
function product(a: Float32Array, b: Float32Array): number {
  let total = 0
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!
  return total
}
