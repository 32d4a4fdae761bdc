import type { YieldOrCancel } from '../../cancel'
import type { Tensor } from '../../runtime/session'
import type { RegressionSessions } from './regression-sessions'

/** Columns of a block: large enough for fast products, small enough that its own factor costs little. */
export const SOLVER_BLOCK = 128

/** Columns [j, j + 1) · SOLVER_BLOCK of the lower triangle, from the diagonal on: row-major, `width` columns. */
interface Panel {
  width: number
  rows: Float64Array
  /** Inverse of the triangle on the diagonal [width, width]. */
  inverse: Float64Array
}

/**
 * Solves Y A = R for a symmetric positive definite A by Cholesky factors A = L Lᵀ in float64, in blocks whose products
 * ONNX Runtime computes.
 */
export class PositiveSolver {
  private constructor(
    private readonly panels: readonly Panel[],
    private readonly sessions: Pick<RegressionSessions, 'blockProduct'>,
  ) {}

  /**
   * @param size of A
   * @param panel gives A's rows [first, size) in the columns [first, first + width), row-major
   * @throws RangeError where A is not positive definite
   */
  static async factor(
    size: number,
    sessions: Pick<RegressionSessions, 'blockProduct'>,
    panel: (first: number, width: number) => Promise<Float64Array>,
    yieldOrCancel: YieldOrCancel,
  ): Promise<PositiveSolver> {
    const panels: Panel[] = []
    for (let first = 0; first < size; first += SOLVER_BLOCK) {
      await yieldOrCancel()
      const width = Math.min(SOLVER_BLOCK, size - first)
      let rows = await panel(first, width)
      for (const [index, done] of panels.entries()) {
        const left = rowsOf(done, first - index * SOLVER_BLOCK)
        const right = rowsOf(done, first - index * SOLVER_BLOCK, width)
        rows = await sessions.blockProduct('transposed', left, right, matrix(rows, width))
      }
      factorTriangle(rows, width)
      const inverse = invertTriangle(rows, width)
      const below = rows.subarray(width * width)
      if (below.length > 0) {
        const scaled = await sessions.blockProduct('transposed', matrix(below, width), matrix(inverse, width))
        below.set(scaled)
      }
      panels.push({ width, rows, inverse })
    }
    return new PositiveSolver(panels, sessions)
  }

  /**
   * Solves for some rows of R, given and returned as blocks of columns.
   * @param right R [n, SOLVER_BLOCK] per block, the last may be narrower; used up
   */
  async solve(right: readonly Float64Array[], yieldOrCancel: YieldOrCancel): Promise<Float64Array[]> {
    const { panels, sessions } = this
    const blocks = [...right]
    const step = async (block: number, factor: 'transposed' | 'plain', others: readonly number[]): Promise<void> => {
      await yieldOrCancel()
      const { width, inverse } = panels[block]!
      for (const other of others) {
        const [near, far] = other < block ? [other, block] : [block, other]
        const between = rowsOf(panels[near]!, (far - near) * SOLVER_BLOCK, panels[far]!.width)
        const left = matrix(blocks[other]!, panels[other]!.width)
        blocks[block] = await sessions.blockProduct(factor, left, between, matrix(blocks[block]!, width))
      }
      blocks[block] = await sessions.blockProduct(factor, matrix(blocks[block]!, width), matrix(inverse, width))
    }
    const indices = [...panels.keys()]
    for (const block of indices) await step(block, 'transposed', indices.slice(0, block))
    for (const block of [...indices].reverse()) await step(block, 'plain', indices.slice(block + 1))
    return blocks
  }
}

/** The columns of a matrix of so many rows as blocks, which `solve` takes. */
export function inBlocks(matrix: Float32Array | Float64Array, rows: number): Float64Array[] {
  const columns = matrix.length / rows
  return Array.from({ length: Math.ceil(columns / SOLVER_BLOCK) }, (_, index) => {
    const first = index * SOLVER_BLOCK
    const width = Math.min(SOLVER_BLOCK, columns - first)
    const block = new Float64Array(rows * width)
    for (let row = 0; row < rows; row++)
      block.set(matrix.subarray(row * columns + first, row * columns + first + width), row * width)
    return block
  })
}

/** Blocks of columns side by side, in `into` [rows, …]. */
export function joinBlocks<Values extends Float32Array | Float64Array>(
  blocks: readonly Float64Array[],
  rows: number,
  into: Values,
): Values {
  const columns = into.length / rows
  blocks.forEach((block, index) => {
    const width = block.length / rows
    for (let row = 0; row < rows; row++)
      into.set(block.subarray(row * width, (row + 1) * width), row * columns + index * SOLVER_BLOCK)
  })
  return into
}

function matrix(data: Float64Array, columns: number): Tensor {
  return { data, dims: [data.length / columns, columns] }
}

/** Some rows of a panel, counted from its first; all from there on if `count` is absent. */
function rowsOf({ rows, width }: Panel, first: number, count?: number): Tensor {
  return matrix(rows.subarray(first * width, count === undefined ? undefined : (first + count) * width), width)
}

/** The lower Cholesky factor of the first `size` rows, in place; zeros above. */
function factorTriangle(a: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * size + j]!
      for (let k = 0; k < j; k++) sum -= a[i * size + k]! * a[j * size + k]!
      if (i > j) a[i * size + j] = sum / a[j * size + j]!
      else if (sum > 0) a[i * size + i] = Math.sqrt(sum)
      else throw new RangeError('the matrix is not positive definite')
    }
    a.fill(0, i * size + i + 1, (i + 1) * size)
  }
}

/** The inverse of a lower triangle [size, size]. */
function invertTriangle(lower: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    const row = inverse.subarray(i * size, (i + 1) * size)
    for (let k = 0; k < i; k++) {
      const factor = lower[i * size + k]!
      for (let j = 0; j <= k; j++) row[j]! -= factor * inverse[k * size + j]!
    }
    row[i] = 1
    const pivot = lower[i * size + i]!
    for (let j = 0; j <= i; j++) row[j]! /= pivot
  }
  return inverse
}
