import { TorchGenerator } from '../random'
import { Kernels, type KernelBuffer } from '../tensor/kernels'
import type { Matrix } from './matrix-products'

/** Rows that are taken together, and sums to which they are added: as many combinations tell them apart again. */
const ROWS_AT_ONCE = 4
/** Elements of the matrix that are in the kernels' memory at a time. */
const BLOCK_ELEMENTS = 256 * 1024
const SEED = 0
/** Values that a kernel reads and writes at a time. */
const VECTOR = 4

/** What a pass over a matrix leaves to find its main directions in; in the kernels' memory, until they are reset. */
export interface Sketch {
  /** Random combinations of the rows [COMBINATIONS_PER_DIRECTION · directions, columns]. */
  combinations: Matrix
  /** The sum of every COMBINATIONS_PER_DIRECTION of them [directions, columns]. */
  directions: Matrix
}

/** Many combinations tell a matrix's main directions from the rest; they take hardly more time than few. */
export const COMBINATIONS_PER_DIRECTION = 4

/**
 * Random combinations of a matrix's rows: four rows at a time get random signs, and their four combinations by a Hadamard
 * matrix are added to four of the sums (a sparse embedding; Nelson and Nguyên, arXiv 1211.1002). They span what a product
 * with random numbers would, for a small part of the time. Deterministic.
 */
export class RowSketch {
  private readonly sums: KernelBuffer
  private readonly directions: KernelBuffer
  /** Values from one sum to the next: kernels write whole vectors. */
  private readonly stride: number
  private readonly lastRows: KernelBuffer
  private readonly generator = new TorchGenerator(SEED)
  /** Pointers to the sums, in the order in which they are used. */
  private readonly order: Uint32Array
  private used = Infinity

  /** @param count of directions, at least one */
  constructor(
    private readonly kernels: Kernels,
    private readonly columns: number,
    private readonly count: number,
  ) {
    this.stride = Math.ceil(columns / VECTOR) * VECTOR
    const combinations = COMBINATIONS_PER_DIRECTION * count
    this.directions = kernels.allocateMore(count * this.stride * 4)
    this.sums = kernels.allocateMore(combinations * this.stride * 4)
    this.lastRows = kernels.allocateMore(ROWS_AT_ONCE * columns * 4)
    this.sums.bytes().fill(0)
    this.order = Uint32Array.from({ length: combinations }, (_, sum) => this.sums.pointer + sum * this.stride * 4)
  }

  /**
   * Takes the next rows, float32.
   * @param rows in the kernels' memory
   * @param count a multiple of ROWS_AT_ONCE, except for the last rows of the matrix
   */
  add(rows: KernelBuffer, count: number): void {
    const { columns, lastRows } = this
    const whole = count - (count % ROWS_AT_ONCE)
    for (let row = 0; row < whole; row += ROWS_AT_ONCE) this.addFour(rows.pointer + row * columns * 4)
    if (whole === count) return
    const filled = lastRows.floats().fill(0)
    filled.set(rows.floats((count - whole) * columns, whole * columns))
    this.addFour(lastRows.pointer)
  }

  private addFour(pointer: number): void {
    const [a, b, c, d] = this.nextSums()
    this.kernels.run.addHadamard(pointer, this.columns, this.generator.words(1)[0]!, a, b, c, d)
  }

  /** Pointers to four different sums. Each sum is used once before any is used again, so that all get as much. */
  private nextSums(): [number, number, number, number] {
    const { order, generator } = this
    if (this.used + ROWS_AT_ONCE > order.length) {
      const words = generator.words(order.length)
      for (let last = order.length - 1; last > 0; last--) {
        const other = words[last]! % (last + 1)
        ;[order[last], order[other]] = [order[other]!, order[last]!]
      }
      this.used = 0
    }
    const [a, b, c, d] = order.subarray(this.used, (this.used += ROWS_AT_ONCE))
    return [a!, b!, c!, d!]
  }

  finish(): Sketch {
    const { sums, directions, stride, count, kernels } = this
    const length = count * stride
    directions.floats().fill(0)
    for (let part = 0; part < COMBINATIONS_PER_DIRECTION; part++)
      kernels.run.addScaled(directions.pointer, sums.pointer + part * length * 4, length, 1)
    return {
      combinations: this.rowsOf(sums, COMBINATIONS_PER_DIRECTION * count),
      directions: this.rowsOf(directions, count),
    }
  }

  /** The first columns of the rows of a buffer, without what fills them up to whole vectors. */
  private rowsOf(buffer: KernelBuffer, rows: number): Matrix {
    const { stride, columns } = this
    if (stride === columns) return { data: buffer.floats(), rows, columns }
    const data = new Float32Array(rows * columns)
    for (let row = 0; row < rows; row++) data.set(buffer.floats(columns, row * stride), row * columns)
    return { data, rows, columns }
  }
}

/** Scratch memory, kept from one matrix to the next. */
const kernels = new Kernels(0)

/** The sketch of a matrix in memory for `count` directions; it stands until the next one is made. */
export function rowSketch({ data, rows, columns }: Matrix, count: number): Sketch {
  kernels.reset()
  const blockRows = rowsInBlock(columns, BLOCK_ELEMENTS)
  const block = kernels.allocateMore(blockRows * columns * 4)
  const sketch = new RowSketch(kernels, columns, count)
  for (let first = 0; first < rows; first += blockRows) {
    const part = data.subarray(first * columns, Math.min(rows, first + blockRows) * columns)
    block.floats(part.length).set(part)
    sketch.add(block, part.length / columns)
  }
  return sketch.finish()
}

/** Rows in a block of about so many elements that a sketch can take. */
export function rowsInBlock(columns: number, elements: number): number {
  return ROWS_AT_ONCE * Math.max(1, Math.floor(elements / (ROWS_AT_ONCE * columns)))
}
