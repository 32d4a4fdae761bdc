import type { YieldOrCancel } from '../../cancel'
import type { Tensor } from '../../runtime/session'
import { KernelBuffer, type Kernels } from '../../tensor/kernels'
import { PositiveSolver, SOLVER_BLOCK } from './positive-solver'
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
 * The ridge problem of one layer, whose inputs are the columns X = [√α_m X_m]. With ΣS columns of length d it is solved
 * in the smaller of two equal forms, R (XᵀX + λI)⁻¹ Xᵀ = R Xᵀ (X Xᵀ + λI)⁻¹: of size ΣS or of size d.
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

  /** @param inputs d */
  constructor(
    private readonly inputs: number,
    private readonly columns: InputColumns,
    private readonly weights: readonly number[],
    private readonly sessions: RegressionSessions,
    private readonly kernels: Kernels,
  ) {
    this.counts = takenColumns(columns, weights)
    this.total = sum(this.counts)
    const [x, transposed] = ColumnSystem.bufferBytes(inputs, columns, weights).map((bytes) => kernels.allocate(bytes))
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

  /** λ = ridge · mean(diag XᵀX), once the system is factored. */
  get lambda(): number {
    return this.ridge
  }

  /**
   * Reads the columns and factors the system; false where there is nothing to solve (no columns, or all are 0).
   * @throws RangeError where the ridge is too small
   */
  async factor(ridge: number, scratch: KernelBuffer, yieldOrCancel: YieldOrCancel): Promise<boolean> {
    this.load(scratch)
    const { total, inputs, transposed, x, sessions } = this
    const [matrix, size, length] = transposed ? [transposed, inputs, total] : [x, total, inputs]
    const diagonal = Float64Array.from({ length: size }, (_, row) => {
      const at = matrix.pointer + row * length * 4
      return this.kernels.run.dot(at, at, length)
    })
    this.ridge = (ridge * sum(diagonal)) / Math.max(1, total)
    if (this.ridge === 0) return false
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
      const solved = await this.solver!.solve(blocksOf(errors, count), yieldOrCancel)
      const left = joined(solved, count)
      const after = ridge ** 2 * product(left, left) // R − (W − K̄) X = λ Y
      return { left: { data: left, dims: [count, total] }, right: this.part(x, 0, total, inputs), before, after }
    }
    const right = await sessions.rowProduct(
      { data: errors, dims: [count, total] },
      this.part(transposed, 0, inputs, total),
    )
    const left = joined(await this.solver!.solve(blocksOf(right, count), yieldOrCancel), count)
    const after = before - product(right, left) - ridge * product(left, left)
    return { left: { data: left, dims: [count, inputs] }, right: null, before, after: Math.max(0, after) }
  }

  private load(scratch: KernelBuffer): void {
    const { columns, counts, weights, inputs, kernels, x, transposed, total } = this
    let first = 0
    counts.forEach((count, model) => {
      if (count === 0) return
      const own = new KernelBuffer(kernels.run.memory, x.pointer + first * inputs * 4, count * inputs * 4)
      columns.read(model, own, scratch, kernels)
      kernels.run.scale(own.pointer, count * inputs, Math.sqrt(weights[model]!))
      first += count
    })
    if (!transposed) return
    const [source, target] = [x.floats(total * inputs), transposed.floats(total * inputs)]
    for (let column = 0; column < total; column++)
      for (let i = 0; i < inputs; i++) target[i * total + column] = source[column * inputs + i]!
  }

  private part(buffer: KernelBuffer, first: number, count: number, length: number): Tensor {
    return { data: buffer.floats(count * length, first * length), dims: [count, length] }
  }
}

function takenColumns({ counts }: InputColumns, weights: readonly number[]): number[] {
  return counts.map((count, model) => (weights[model]! > 0 ? count : 0))
}

/** The columns of a matrix of `count` rows in the solver's blocks, float64. */
function blocksOf(matrix: Float32Array, count: number): Float64Array[] {
  const columns = matrix.length / count
  return Array.from({ length: Math.ceil(columns / SOLVER_BLOCK) }, (_, index) => {
    const first = index * SOLVER_BLOCK
    const width = Math.min(SOLVER_BLOCK, columns - first)
    const block = new Float64Array(count * width)
    for (let row = 0; row < count; row++)
      block.set(matrix.subarray(row * columns + first, row * columns + first + width), row * width)
    return block
  })
}

/** Blocks of columns side by side, as float32. */
function joined(blocks: readonly Float64Array[], count: number): Float32Array {
  const columns = sum(blocks.map((block) => block.length / count))
  const result = new Float32Array(count * columns)
  blocks.forEach((block, index) => {
    const width = block.length / count
    for (let row = 0; row < count; row++)
      result.set(block.subarray(row * width, (row + 1) * width), row * columns + index * SOLVER_BLOCK)
  })
  return result
}

/** Σ a_i b_i in float64. */
function product(a: Float32Array, b: Float32Array): number {
  let total = 0
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!
  return total
}

function sum(values: readonly number[] | Float64Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}
