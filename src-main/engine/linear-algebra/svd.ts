import { gramOfColumns, gramOfRows } from './gram'
import { orthogonaliseRows } from './jacobi-svd'
import { emptyLike, inTypeOf, type Matrix, type MatrixProducts } from './matrix-products'
import { firstColumns, scaledColumns, transposed } from './rows-and-columns'
import { largestEigen } from './symmetric-eigen'
import { lengthOf } from './vectors'

/** Singular value decomposition up to the numerical rank: left · diag(values) · right, in the matrix's element type. */
export interface Svd {
  /** [rows, rank]: orthonormal columns. */
  left: Matrix
  /** Largest first. */
  values: Float64Array
  /** [rank, columns]: orthonormal rows. */
  right: Matrix
}

export interface SvdOptions {
  /** At most so many singular values; all where nothing is said. */
  count?: number
  /** Singular values of at most this are rounding errors: what the matrix's own origin says. */
  floor?: number
}

/** Up to this smaller side, and so many elements, a matrix is decomposed by rotations in float64. */
const MOST_ROTATED_SIDE = 40
const MOST_ROTATED_ELEMENTS = 8 * 1024
/** What is left of the digits of singular values by their squares, and by rotations, relative to the largest. */
const SQUARED_PRECISION = 1e-7

/** Whether a matrix of this size is decomposed with all digits: its elements are then wanted in float64. */
export function isRotated(rows: number, columns: number): boolean {
  return Math.min(rows, columns) <= MOST_ROTATED_SIDE && rows * columns <= MOST_ROTATED_ELEMENTS
}

/**
 * The singular value decomposition of a matrix, or its largest part. Small matrices: by Jacobi rotations, to the last
 * digits. Others: eigenvectors of the smaller side's Gram matrix in float64, which loses singular values below 10⁻⁷ of
 * the largest; they count as 0. Deterministic.
 * @returns as many singular values as the numerical rank has: none for a matrix of zeros
 */
export async function svd(matrix: Matrix, products: MatrixProducts, options: SvdOptions = {}): Promise<Svd> {
  return isRotated(matrix.rows, matrix.columns) ? rotated(matrix, options) : squared(matrix, products, options)
}

/** The orthogonal factor of A = P H: left · right of its singular vectors, up to the numerical rank. */
export interface Polar {
  factor: Matrix
  /** Σ σ */
  nuclearNorm: number
  rank: number
}

/** The polar factor of a matrix: (A Aᵀ)^(−1/2) A, or A (Aᵀ A)^(−1/2) where it is tall. */
export async function polarFactor(matrix: Matrix, products: MatrixProducts, options: SvdOptions = {}): Promise<Polar> {
  const { rows, columns } = matrix
  const of = (values: Float64Array): Pick<Polar, 'nuclearNorm' | 'rank'> => {
    return { nuclearNorm: values.reduce((sum, value) => sum + value, 0), rank: values.length }
  }
  if (isRotated(rows, columns)) {
    const { left, values, right } = rotated(matrix, options)
    return { factor: await products.multiply(left, right), ...of(values) }
  }
  const { vectors, values } = await squaredValues(matrix, products, options)
  const roots = scaledColumns(
    vectors,
    values.map((value) => 1 / Math.sqrt(value)),
  )
  const root = { data: await gramOfRows(roots, products), rows: vectors.rows, columns: vectors.rows }
  const own = inTypeOf(matrix, root)
  const factor = await (rows <= columns ? products.multiply(own, matrix) : products.multiply(matrix, own))
  return { factor, ...of(values) }
}

function rotated(matrix: Matrix, options: SvdOptions): Svd {
  const isWide = matrix.rows <= matrix.columns
  const { data, rows: n, columns: d } = isWide ? matrix : transposed(matrix)
  const work = Float64Array.from(data)
  const rotation = orthogonaliseRows(work, n, d)
  const lengths = Float64Array.from({ length: n }, (_, i) => lengthOf(work.subarray(i * d, i * d + d)))
  const order = Array.from(lengths.keys()).sort((a, b) => lengths[b]! - lengths[a]!)
  const values = keptValues(
    Float64Array.from(order, (at) => lengths[at]!),
    Number.EPSILON * d,
    options,
  )
  const pick = (from: Float64Array, width: number, factor: (at: number) => number): Matrix => {
    const result = emptyLike(matrix.data, values.length * width)
    values.forEach((_, to) => {
      const at = order[to]!
      for (let k = 0; k < width; k++) result[to * width + k] = from[at * width + k]! * factor(at)
    })
    return { data: result, rows: values.length, columns: width }
  }
  const small = pick(rotation, n, () => 1)
  const large = pick(work, d, (at) => 1 / lengths[at]!)
  return isWide ? { left: transposed(small), values, right: large } : { left: transposed(large), values, right: small }
}

/** Singular values, and singular vectors of the smaller side as columns, by the eigenvectors of its Gram matrix. */
async function squaredValues(
  matrix: Matrix,
  products: MatrixProducts,
  options: SvdOptions,
): Promise<{ values: Float64Array; vectors: Matrix }> {
  const { rows, columns } = matrix
  const n = Math.min(rows, columns)
  const gram = await (rows <= columns ? gramOfRows(matrix, products) : gramOfColumns(matrix, products))
  const { values: squares, vectors } = await largestEigen(gram, n, products, Math.min(n, options.count ?? n))
  const found = squares.map((value) => Math.sqrt(Math.max(0, value)))
  return { values: keptValues(found, SQUARED_PRECISION, options), vectors }
}

async function squared(matrix: Matrix, products: MatrixProducts, options: SvdOptions): Promise<Svd> {
  const { values, vectors } = await squaredValues(matrix, products, options)
  const divided = scaledColumns(
    vectors,
    values.map((value) => 1 / value),
  )
  const [small, scaled] = [inTypeOf(matrix, firstColumns(vectors, values.length)), inTypeOf(matrix, divided)]
  return matrix.rows <= matrix.columns
    ? { left: small, values, right: await products.multiply(scaled, matrix, 'left transposed') }
    : { left: await products.multiply(matrix, scaled), values, right: transposed(small) }
}

/** The singular values that are more than rounding errors, as many as are asked for. */
function keptValues(values: Float64Array, precision: number, { count, floor = 0 }: SvdOptions): Float64Array {
  const least = Math.max(floor, precision * (values[0] ?? 0))
  return values.filter((value, at) => value > least && (count === undefined || at < count))
}
