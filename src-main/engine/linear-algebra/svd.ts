import { gramOfColumns, gramOfRows } from './gram'
import { orthogonaliseRows } from './jacobi-svd'
import { emptyLike, type Matrix, type MatrixProducts } from './matrix-products'
import { largestEigen } from './symmetric-eigen'
import { dot } from './tridiagonal'

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
const MOST_ROTATED_SIDE = 64
const MOST_ROTATED_ELEMENTS = 64 * 1024
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

/** The polar factor of a matrix: (A Aᵀ)^(−1/2) A. */
export async function polarFactor(matrix: Matrix, products: MatrixProducts, options?: SvdOptions): Promise<Polar> {
  const { left, values, right } = await svd(matrix, products, options)
  const nuclearNorm = values.reduce((sum, value) => sum + value, 0)
  return { factor: await products.multiply(left, right), nuclearNorm, rank: values.length }
}

function rotated(matrix: Matrix, options: SvdOptions): Svd {
  const isWide = matrix.rows <= matrix.columns
  const { data, rows: n, columns: d } = isWide ? matrix : transposed(matrix)
  const work = Float64Array.from(data)
  const rotation = orthogonaliseRows(work, n, d)
  const lengths = Float64Array.from({ length: n }, (_, i) => {
    const row = work.subarray(i * d, i * d + d)
    return Math.sqrt(dot(row, row))
  })
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

async function squared(matrix: Matrix, products: MatrixProducts, options: SvdOptions): Promise<Svd> {
  const { rows, columns, data } = matrix
  const isWide = rows <= columns
  const n = Math.min(rows, columns)
  const gram = await (isWide ? gramOfRows(matrix, products) : gramOfColumns(matrix, products))
  const count = Math.min(n, options.count ?? n)
  const eigen = await largestEigen(gram, n, products, count)
  const values = keptValues(
    eigen.values.map((value) => Math.sqrt(Math.max(0, value))),
    SQUARED_PRECISION,
    options,
  )
  const rank = values.length
  const small = emptyLike(data, rank * n)
  small.set(eigen.rows.subarray(0, rank * n))
  const vectors = { data: small, rows: rank, columns: n }
  if (isWide) {
    const right = await products.multiply(
      scaledRows(vectors, (at) => 1 / values[at]!),
      matrix,
    )
    return { left: transposed(vectors), values, right }
  }
  const left = await products.multiply(
    matrix,
    scaledRows(vectors, (at) => 1 / values[at]!),
    'right transposed',
  )
  return { left, values, right: vectors }
}

/** The singular values that are more than rounding errors, as many as are asked for. */
function keptValues(values: Float64Array, precision: number, { count, floor = 0 }: SvdOptions): Float64Array {
  const least = Math.max(floor, precision * (values[0] ?? 0))
  return values.filter((value, at) => value > least && (count === undefined || at < count))
}

/** Each row times a factor of its own. */
export function scaledRows({ data, rows, columns }: Matrix, factor: (row: number) => number): Matrix {
  const result = data.slice()
  for (let row = 0; row < rows; row++) {
    const own = factor(row)
    for (let at = row * columns; at < (row + 1) * columns; at++) result[at]! *= own
  }
  return { data: result, rows, columns }
}

/** [rows, columns] as [columns, rows]. */
export function transposed({ data, rows, columns }: Matrix): Matrix {
  const result = emptyLike(data, data.length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result[column * rows + row] = data[row * columns + column]!
  return { data: result, rows: columns, columns: rows }
}
