import { eigenOfTridiagonal } from './divide-and-conquer'
import type { Matrix, MatrixProducts } from './matrix-products'
import { diagonalise } from './implicit-ql'
import { tridiagonalise, turnBack, turnColumnsBack } from './tridiagonal'

/** Eigenvalues and vectors of a symmetric matrix, largest value first. */
export interface Eigen {
  values: Float64Array
  /** [n, n], row-major: column i belongs to value i; columns have length 1. */
  vectors: Float64Array
}

/** The eigenvectors of some values. */
export interface LargestEigen {
  /** All of them, largest first. */
  values: Float64Array
  /** [n, count]: column i belongs to value i and has length 1. */
  vectors: Matrix & { data: Float64Array }
}

/**
 * All eigenvalues and vectors of a small matrix: Householder's reduction to a tridiagonal matrix, then implicit QL (tred2
 * and tql2 of EISPACK; Handbook for Automatic Computation II, 1971). About 9 n³ operations on the calling thread.
 * @param matrix [n, n] symmetric, row-major, finite; not changed
 */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  const reduced = tridiagonalise(matrix, n)
  const { diagonal, rows } = diagonalise(reduced.diagonal, reduced.beside)
  turnBack(rows, n, reduced)
  const order = descending(diagonal)
  const vectors = new Float64Array(n * n)
  order.forEach((from, to) => {
    for (let i = 0; i < n; i++) vectors[i * n + to] = rows[from * n + i]!
  })
  return { values: Float64Array.from(order, (at) => diagonal[at]!), vectors }
}

/**
 * All eigenvalues of a large symmetric matrix and the vectors of the largest: Householder's reduction, then Cuppen's
 * divide and conquer, whose work is matrix products. Orthogonal to rounding. Deterministic.
 * @param matrix [n, n] symmetric, row-major, finite, of which the lower triangle is read; not changed
 * @param count of vectors; all where nothing is said
 */
export async function largestEigen(
  matrix: Float64Array,
  n: number,
  products: MatrixProducts,
  count = n,
): Promise<LargestEigen> {
  const reduced = tridiagonalise(matrix, n)
  const found = await eigenOfTridiagonal(reduced, count, products)
  await turnColumnsBack(found.vectors, reduced, products)
  return found
}

/** Places of values in descending order. */
function descending(values: Float64Array): number[] {
  return Array.from(values.keys()).sort((a, b) => values[b]! - values[a]!)
}
