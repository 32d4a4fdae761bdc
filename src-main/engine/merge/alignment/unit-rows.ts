import { sideBySide } from '../../linear-algebra/joined-matrices'
import type { Matrix, MatrixProducts } from '../../linear-algebra/matrix-products'

/** All that leads into units, or out of them, in a tensor of two networks: [units, weights of each]. */
export interface UnitRows {
  own: Matrix
  other: Matrix
}

/** Rows and units of a tensor that are turned together: few enough to stay in the processor's cache. */
const TILE = 32

/**
 * A tensor as a matrix with the units of one of its axes as rows: all that leads into a unit (axis 0), or out of it
 * (axis 1).
 * @param count units, from place `first` of the axis on
 */
export function unitRows<T extends Float32Array | Float64Array>(
  values: T,
  shape: readonly number[],
  { axis, first, count }: { axis: 0 | 1; first: number; count: number },
): Matrix {
  const rowLength = values.length / shape[0]!
  if (axis === 0)
    return { data: values.slice(first * rowLength, (first + count) * rowLength), rows: count, columns: rowLength }
  const [rows, places] = [shape[0]!, shape[1]!]
  const size = rowLength / places
  const data = values.slice(0, count * rows * size)
  for (let row = 0; row < rows; row += TILE)
    for (let unit = 0; unit < count; unit += TILE)
      for (let r = row; r < Math.min(rows, row + TILE); r++)
        for (let u = unit; u < Math.min(count, unit + TILE); u++)
          for (let k = 0; k < size; k++) data[(u * rows + r) * size + k] = values[(r * places + first + u) * size + k]!
  return { data, rows: count, columns: rows * size }
}

/**
 * What git re-basin (weight matching) gains by putting unit j of another network into the place of our unit i: the sum of
 * the products of all weights that lead into the units and out of them.
 * @param parts one after the other, so that they need not be in memory together
 * @returns [units, units]
 */
export async function weightGain(
  parts: Iterable<UnitRows> | AsyncIterable<UnitRows>,
  products: MatrixProducts,
): Promise<Matrix> {
  let gain: Matrix | undefined
  for await (const { own, other } of parts) {
    const product = await products.multiply(own, other, 'right transposed')
    if (gain) for (let i = 0; i < product.data.length; i++) gain.data[i] = gain.data[i]! + product.data[i]!
    gain ??= product
  }
  return gain!
}

/** Weights of a unit that are looked at in each tensor: a part of them, and at least so many. */
const SAMPLED_PART = 1 / 16
const LEAST_SAMPLED = 64
/** More than float32 rounds sums of some thousand terms by. */
const ROUNDING = 1e-3

/**
 * Whether no order of the other's units can be better than the one that they have, as bounds prove without the gains of
 * all pairs. With units as vectors a of ours and b of the other's, the best order has the least Σ |aᵢ − b_p(i)|². It is
 * the identity if no aᵢ is nearer to any b_j than a_j is; and |aᵢ − b_j| ≥ |aᵢ − a_j| − |a_j − b_j|. So it is enough if
 * all |aᵢ − a_j| ≥ 2 |a_j − b_j|, the former on some of the coordinates.
 */
export async function staysInPlace(
  parts: Iterable<UnitRows> | AsyncIterable<UnitRows>,
  products: MatrixProducts,
): Promise<boolean> {
  const samples: Matrix[] = []
  let moved = new Float64Array(0)
  for await (const { own, other } of parts) {
    if (moved.length === 0) moved = new Float64Array(own.rows)
    for (let unit = 0; unit < own.rows; unit++) {
      let sum = 0
      for (let at = unit * own.columns; at < (unit + 1) * own.columns; at++)
        sum += (own.data[at]! - other.data[at]!) ** 2
      moved[unit] = moved[unit]! + sum
    }
    samples.push(someColumns(own))
  }
  const sampled = sideBySide(samples)
  const { data, rows: units } = await products.multiply(sampled, sampled, 'right transposed')
  for (let i = 0; i < units; i++)
    for (let j = 0; j < i; j++) {
      const squares = data[i * units + i]! + data[j * units + j]!
      const apart = squares * (1 - ROUNDING) - 2 * data[i * units + j]!
      if (apart < 4 * Math.max(moved[i]!, moved[j]!)) return false
    }
  return true
}

function someColumns({ data, rows, columns }: Matrix): Matrix {
  const count = Math.min(columns, Math.max(LEAST_SAMPLED, Math.floor(columns * SAMPLED_PART)))
  const stride = Math.floor(columns / count)
  const chosen = Float32Array.from(
    { length: rows * count },
    (_, at) => data[Math.floor(at / count) * columns + (at % count) * stride]!,
  )
  return { data: chosen, rows, columns: count }
}
