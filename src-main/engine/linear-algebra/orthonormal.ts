import { gramOfColumns } from './gram'
import type { Matrix, MatrixProducts } from './matrix-products'

/** |v|² of what is left of a float32 vector that depends on others, relative to the vector: its rounding. */
const DEPENDENT = 1e-11
/** Below this, what rounding leaves of a vector is not orthogonal enough after one pass. */
const ONE_PASS = 1e-4

/**
 * Orthonormal columns that span what the given ones do, by Cholesky's factors of their Gram matrix in float64, a second
 * time where columns are nearly dependent; columns that do depend on those before them become zeros.
 */
export async function orthonormalColumns(given: Matrix, products: MatrixProducts): Promise<Matrix> {
  let columns = given
  for (let pass = 0; pass < 2; pass++) {
    const { coefficients, least } = orthonormaliser(await gramOfColumns(columns, products), columns.columns)
    columns = await products.multiply(columns, single(coefficients, columns.columns))
    if (least > ONE_PASS) break
  }
  return columns
}

/**
 * The inverse T of Cholesky's factor: vectors V with the Gram matrix VᵀV become orthonormal as V T. A vector that depends
 * on those before it gets zeros.
 * @returns `coefficients` [n, n], row-major, and the least |v|² that was left of a vector that stays, relative to its own
 */
function orthonormaliser(gram: Float64Array, n: number): { coefficients: Float64Array; least: number } {
  // Rows are the columns of T: loops then run along memory.
  const turned = new Float64Array(n * n)
  let least = 1
  for (let j = 0; j < n; j++) {
    const vector = turned.subarray(j * n, j * n + n)
    const own = gram[j * n + j]!
    vector[j] = 1
    let left = own
    for (let k = 0; k < j; k++) {
      const other = turned.subarray(k * n, k * n + n)
      let along = 0
      for (let i = 0; i <= k; i++) along += other[i]! * gram[j * n + i]!
      for (let i = 0; i <= k; i++) vector[i]! -= along * other[i]!
      left -= along * along
    }
    const stays = left > DEPENDENT * own
    if (stays) least = Math.min(least, left / own)
    const factor = stays ? 1 / Math.sqrt(left) : 0
    for (let i = 0; i <= j; i++) vector[i]! *= factor
  }
  const coefficients = new Float64Array(n * n)
  for (let j = 0; j < n; j++) for (let i = 0; i <= j; i++) coefficients[i * n + j] = turned[j * n + i]!
  return { coefficients, least }
}

/** A small square matrix in float32, for products with others. */
export function single(data: Float64Array, size: number): Matrix {
  return { data: new Float32Array(data), rows: size, columns: size }
}
