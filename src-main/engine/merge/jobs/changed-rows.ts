import type { MethodSettings } from '../../../contract/document/project'
import type { YieldOrCancel } from '../../cancel'
import { isRotated } from '../../linear-algebra/svd'
import { sumOfSquares } from '../../linear-algebra/truncated-svd'
import type { Matrix, MatrixProducts } from '../../linear-algebra/matrix-products'
import { PRECISION } from '../../tensor/element-type'
import { Kernels, type KernelBuffer } from '../../tensor/kernels'
import type { MergedRows } from '../fusion/fusion-layer'
import type { LayerRows } from '../fusion/layer-rows'
import { addedChanges, noChange, type MatrixLayer } from '../methods/matrices/matrix-layer'

/** Elements of rows that are read, or written, at a time. */
const BLOCK_ELEMENTS = 1024 * 1024
/** Standard deviation of the rounding of a number, in units of its type's precision and of the number's size. */
const ROUNDING = 0.21
/** Rounding errors of numbers of different sizes, or of several steps, reach further than those of one. */
const SAFETY = 2

/** Rows of a layer as what specialists have changed of them, for a matrix method. */
export class ChangedRows implements MatrixLayer {
  readonly name: string
  readonly rows: number
  readonly columns: number
  readonly specialists: readonly number[]
  readonly weights: readonly number[]
  private readonly block: number
  private readonly base: KernelBuffer
  private readonly other: KernelBuffer
  private readonly sum: KernelBuffer
  private readonly scratch: KernelBuffer
  /** Length of a specialist's rounding errors, in units of their standard deviation. */
  private readonly errors = new Map<number, number>()

  /**
   * @param weights base first
   * @param kernels of `memory`; its buffers are taken back first
   */
  constructor(
    private readonly layer: LayerRows,
    [, ...weights]: readonly number[],
    readonly settings: MethodSettings,
    readonly products: MatrixProducts,
    private readonly kernels: Kernels,
    readonly yieldOrCancel: YieldOrCancel,
  ) {
    this.name = layer.name
    this.rows = layer.rows
    this.columns = layer.inputs
    this.weights = weights
    this.specialists = [...weights.keys()].filter((specialist) => weights[specialist] !== 0)
    this.block = blockRows(layer)
    kernels.reset()
    const [base, other, sum, scratch] = bufferBytes(layer).map((bytes) => kernels.allocate(bytes))
    this.base = base!
    this.other = other!
    this.sum = sum!
    this.scratch = scratch!
  }

  /** Memory that a Kernels object needs for this layer. */
  static memory(layer: LayerRows): number {
    return bufferBytes(layer).reduce((total, bytes) => total + Kernels.bufferSize(bytes), 0)
  }

  /** @throws FusionError 'not-finite' */
  change(specialist: number): Matrix {
    if (isRotated(this.rows, this.columns)) return this.changeInDoubles(specialist)
    return this.weighted([{ specialist, weight: 1 }])
  }

  /** @throws FusionError 'not-finite' */
  sumOfChanges(): Matrix {
    if (isRotated(this.rows, this.columns)) return addedChanges(this)
    return this.weighted(this.specialists.map((specialist) => ({ specialist, weight: this.weights[specialist]! })))
  }

  /** Σ w τ in float32, from one pass over the base. */
  private weighted(terms: readonly { specialist: number; weight: number }[]): Matrix {
    const { layer, kernels, base, other, sum, scratch, columns } = this
    const { run } = kernels
    const result = noChange(this)
    const squares = terms.map(() => ({ value: 0, change: 0 }))
    for (const { start, count } of this.blocks()) {
      const length = count * columns
      layer.read(0, start, count, base, scratch, kernels)
      sum.floats(length).fill(0)
      terms.forEach(({ specialist, weight }, term) => {
        layer.read(specialist + 1, start, count, other, scratch, kernels)
        squares[term]!.value += run.sumOfSquares(other.pointer, length)
        run.addScaled(other.pointer, base.pointer, length, -1)
        squares[term]!.change += run.sumOfSquares(other.pointer, length)
        run.addScaled(sum.pointer, other.pointer, length, weight)
      })
      result.data.set(sum.floats(length), start * columns)
    }
    terms.forEach(({ specialist }, term) => this.noteErrors(specialist, squares[term]!))
    return result
  }

  /** τ of few elements: they are one block. */
  private changeInDoubles(specialist: number): Matrix {
    const { layer, kernels, base, other, scratch, rows, columns } = this
    const change = noChange(this)
    layer.read(0, 0, rows, base, scratch, kernels)
    layer.read(specialist + 1, 0, rows, other, scratch, kernels)
    const [own, theirs] = [base.floats(rows * columns), other.floats(rows * columns)]
    theirs.forEach((value, at) => (change.data[at] = value - own[at]!))
    this.noteErrors(specialist, { value: sumOfSquares(theirs), change: sumOfSquares(change.data) })
    return change
  }

  /** @param squares sums of the squares of a specialist's values and of its change */
  private noteErrors(specialist: number, squares: { value: number; change: number }): void {
    const { F32, [this.layer.types[specialist + 1]!]: own } = PRECISION
    // Adapters' changes were computed in float32.
    this.errors.set(specialist, own * Math.sqrt(squares.value) + F32 * Math.sqrt(squares.change))
  }

  /** Rounding errors are random: the largest singular value of n · d of them is about (√n + √d) times one. */
  floor(specialist: number): number {
    const { rows, columns } = this
    if (!this.errors.has(specialist)) this.change(specialist)
    const error = (SAFETY * ROUNDING * this.errors.get(specialist)!) / Math.sqrt(rows * columns)
    return error * (Math.sqrt(rows) + Math.sqrt(columns))
  }

  /** Hands the rows of base + change to `write`. */
  add({ data }: Matrix, write: (rows: MergedRows) => void): void {
    const { layer, kernels, base, scratch, columns } = this
    for (const { start, count } of this.blocks()) {
      layer.read(0, start, count, base, scratch, kernels)
      const merged = base.floats(count * columns)
      for (let i = 0, at = start * columns; i < merged.length; i++, at++) merged[i]! += data[at]!
      write({ start, count, weights: base })
    }
  }

  private blocks(): { start: number; count: number }[] {
    const { rows, block } = this
    return Array.from({ length: Math.ceil(rows / block) }, (_, index) => {
      return { start: index * block, count: Math.min(block, rows - index * block) }
    })
  }
}

/** Rows that lie apart are read all at once: reading some would read the whole tensor. */
function blockRows({ rows, inputs, rowsAreApart }: LayerRows): number {
  return rowsAreApart ? rows : Math.max(1, Math.min(rows, Math.floor(BLOCK_ELEMENTS / inputs)))
}

/** base, other, sum, scratch */
function bufferBytes(layer: LayerRows): number[] {
  const count = blockRows(layer)
  const rows = count * layer.inputs * 4
  return [rows, rows, rows, layer.scratchBytes(count)]
}
