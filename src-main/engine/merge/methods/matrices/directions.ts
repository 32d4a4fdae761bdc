import type { Matrix } from '../../../linear-algebra/matrix-products'
import { emptyLike } from '../../../linear-algebra/matrix-products'
import { isRotated, polarFactor, type Svd } from '../../../linear-algebra/svd'
import { noChange, type MatrixLayer } from './matrix-layer'

/** Singular vectors of several changes side by side. */
export interface Directions {
  /** [n, K] */
  left: Matrix
  values: Float64Array
  /** [K, d] */
  right: Matrix
}

/**
 * Singular values of joined singular vectors, relative to the largest, up to which two directions are one and the same but
 * for rounding: the polar factor would make two of them. By float64 and by float32.
 */
const SAME_DIRECTION = { double: 1e-12, single: 1e-5 }

/** Collects singular vectors, in the order in which they come. */
export class DirectionList {
  private readonly parts: Svd[] = []

  constructor(private readonly layer: Pick<MatrixLayer, 'rows' | 'columns'>) {}

  add(part: Svd): void {
    this.parts.push(part)
  }

  /** Number of directions so far. */
  get count(): number {
    return this.parts.reduce((sum, { values }) => sum + values.length, 0)
  }

  joined(): Directions {
    const { rows, columns } = this.layer
    const { count, parts } = this
    const like = noChange({ rows: 0, columns: 0 }).data
    const type = parts[0]?.left.data ?? like
    const left = { data: emptyLike(type, rows * count), rows, columns: count }
    const right = { data: emptyLike(type, count * columns), rows: count, columns }
    const values = new Float64Array(count)
    let first = 0
    for (const part of parts) {
      const own = part.values.length
      for (let row = 0; row < rows; row++)
        left.data.set(part.left.data.subarray(row * own, (row + 1) * own), row * count + first)
      right.data.set(part.right.data, first * columns)
      values.set(part.values, first)
      first += own
    }
    return { left, values, right }
  }
}

/** The same directions made orthogonal to one another, each moved as little as possible (polar factors). */
export async function orthogonal(
  { left, values, right }: Directions,
  { products, yieldOrCancel }: Pick<MatrixLayer, 'products' | 'yieldOrCancel'>,
): Promise<Directions> {
  const floorOf = ({ data, rows, columns }: Matrix): number =>
    data instanceof Float64Array && isRotated(rows, columns) ? SAME_DIRECTION.double : SAME_DIRECTION.single
  const [leftFactor, rightFactor] = [await factorOf(left), await factorOf(right)]
  return { left: leftFactor, values, right: rightFactor }

  async function factorOf(vectors: Matrix): Promise<Matrix> {
    await yieldOrCancel()
    return (await polarFactor(vectors, products, { floor: floorOf(vectors) })).factor
  }
}

/** Turns every singular vector so that the largest entry of its left part is positive: signs are otherwise chance. */
export function withFixedSigns(part: Svd): Svd {
  const { left, values, right } = part
  for (let k = 0; k < values.length; k++) {
    let largest = 0
    for (let row = 0; row < left.rows; row++) {
      const value = left.data[row * left.columns + k]!
      if (Math.abs(value) > Math.abs(largest)) largest = value
    }
    if (largest >= 0) continue
    for (let row = 0; row < left.rows; row++) left.data[row * left.columns + k]! *= -1
    for (let at = k * right.columns; at < (k + 1) * right.columns; at++) right.data[at]! *= -1
  }
  return part
}
