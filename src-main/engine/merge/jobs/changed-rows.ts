import type { MethodSettings } from '../../../contract/document/project'
import type { YieldOrCancel } from '../../cancel'
import { sumOfSquares } from '../../linear-algebra/truncated-svd'
import type { Matrix, MatrixProducts } from '../../linear-algebra/matrix-products'
import { PRECISION } from '../../tensor/element-type'
import { Kernels, type KernelBuffer } from '../../tensor/kernels'
import type { MergedRows } from '../fusion/fusion-layer'
import type { LayerRows } from '../fusion/layer-rows'
import { noChange, type MatrixLayer } from '../methods/matrices/matrix-layer'

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
    const [base, other, scratch] = bufferBytes(layer).map((bytes) => kernels.allocate(bytes))
    this.base = base!
    this.other = other!
    this.scratch = scratch!
  }

  /** Memory that a Kernels object needs for this layer. */
  static memory(layer: LayerRows): number {
    return bufferBytes(layer).reduce((total, bytes) => total + Kernels.bufferSize(bytes), 0)
  }

  /** @throws FusionError 'not-finite' */
  change(specialist: number): Matrix {
    const { layer, kernels, base, other, scratch, columns } = this
    const change = noChange(this)
    let square = 0
    for (const { start, count } of this.blocks()) {
      layer.read(0, start, count, base, scratch, kernels)
      layer.read(specialist + 1, start, count, other, scratch, kernels)
      const [own, theirs] = [base.floats(count * columns), other.floats(count * columns)]
      const into = change.data.subarray(start * columns, (start + count) * columns)
      for (let i = 0; i < into.length; i++) into[i] = theirs[i]! - own[i]!
      square += sumOfSquares(theirs)
    }
    const { F32, [layer.types[specialist + 1]!]: own } = PRECISION
    // Adapters' changes were computed in float32.
    const error = own * Math.sqrt(square) + F32 * Math.sqrt(sumOfSquares(change.data))
    this.errors.set(specialist, error)
    return change
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

/** base, other, scratch */
function bufferBytes(layer: LayerRows): number[] {
  const count = blockRows(layer)
  return [count * layer.inputs * 4, count * layer.inputs * 4, layer.scratchBytes(count)]
}
