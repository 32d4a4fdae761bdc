import { gramOfRows } from './gram'
import { orthonormalColumns, single } from './orthonormal'
import { inTypeOf, type Matrix, type MatrixProducts } from './matrix-products'
import { rowSketch, type Sketch } from './row-sketch'
import { scaledColumns, transposed } from './rows-and-columns'
import { largestEigen, symmetricEigen } from './symmetric-eigen'

/** How much of a matrix is kept: a number of singular values, or a part of Σ σ² (0 … 1). */
export type Kept = { rank: number } | { energy: number }

/** The best approximation of a matrix of a rank: up [rows, rank] · down [rank, columns]. */
export interface LowRank {
  rank: number
  /** Orthogonal columns of length √σ. */
  up: Matrix
  /** Orthogonal rows of length √σ. */
  down: Matrix
  /** Those that were computed, largest first: all of them by the exact route. */
  singularValues: Float64Array
  /** |matrix|². */
  total: number
}

/** Up to this smaller side a matrix is decomposed exactly, in float64. */
const EXACT_SIDE = 128
/** Random directions beyond the rank (Halko, Martinsson, Tropp, arXiv 0909.4061). */
const OVERSAMPLING = 16
/** Beyond this part of the smaller side the exact route costs less than random directions. */
const MOST_RANDOM_PART = 0.25
/** Directions that a search for a kept energy starts with, before the number doubles. */
const FIRST_ENERGY_RANK = 56
/** Singular values below this part of the largest are rounding errors, by the exact route and in float32. */
const NEGLIGIBLE = 1e-9
const NEGLIGIBLE_SINGLE = 1e-6

/** What is known of a matrix before it is taken apart. */
export interface Measured {
  /** |matrix|² */
  total: number
  /** For as many directions as `randomDirections` says. */
  sketch: Sketch
}

/** Whether a matrix of this size is decomposed exactly: its elements are then wanted in float64, else in float32. */
export function isExact(rows: number, columns: number, kept: Kept): boolean {
  const smaller = Math.min(rows, columns)
  return smaller <= EXACT_SIDE || randomDirections(kept) > MOST_RANDOM_PART * smaller
}

/** How many random directions a matrix that is not decomposed exactly is first looked at in. */
export function randomDirections(kept: Kept): number {
  return directionsFor(firstRank(kept))
}

function firstRank(kept: Kept): number {
  return 'rank' in kept ? kept.rank : FIRST_ENERGY_RANK
}

/** How many random directions a rank takes. */
function directionsFor(rank: number): number {
  return rank + OVERSAMPLING
}

/**
 * Truncated singular value decomposition: exact (eigenvectors of the smaller Gram matrix, float64) for small matrices and
 * high ranks, else within directions found in random combinations of its rows, in float32. Deterministic.
 * @param kept a rank above the matrix's own is cut to it
 * @param measured what is known already
 * @returns null for a matrix of zeros. σ is shared evenly between the factors, so that both fit into float16.
 */
export async function truncatedSvd(
  matrix: Matrix,
  kept: Kept,
  products: MatrixProducts,
  measured?: Measured,
): Promise<LowRank | null> {
  const { rows, columns } = matrix
  const total = measured?.total ?? sumOfSquares(matrix.data)
  if (total === 0) return null
  if (isExact(rows, columns, kept)) return exact(matrix, kept, total, products)
  const first = measured?.sketch ?? rowSketch(matrix, randomDirections(kept))
  if ('rank' in kept) return randomised(matrix, first, kept, total, products)
  const most = MOST_RANDOM_PART * Math.min(rows, columns)
  for (let rank = FIRST_ENERGY_RANK; directionsFor(rank) <= most; rank *= 2) {
    const sketch = rank === FIRST_ENERGY_RANK ? first : rowSketch(matrix, directionsFor(rank))
    const found = await randomised(matrix, sketch, kept, total, products)
    if (energyRank(found.singularValues, kept.energy, total) <= rank) return found
  }
  return exact(matrix, kept, total, products)
}

/** The smallest rank that keeps a part of Σ σ²; one more than there are values where they do not suffice. */
export function energyRank(singularValues: Float64Array, energy: number, total = sumOfSquares(singularValues)): number {
  if (total === 0) return 0
  let sum = 0
  for (let i = 0; i < singularValues.length; i++) {
    sum += singularValues[i]! ** 2
    if (sum >= energy * total) return i + 1
  }
  return singularValues.length + 1
}

/** Eigenvectors of the smaller side's Gram matrix, and what the matrix makes of them on its larger side. */
async function exact(given: Matrix, kept: Kept, total: number, products: MatrixProducts): Promise<LowRank> {
  const matrix = { ...given, data: Float64Array.from(given.data) }
  const wide = isWide(matrix)
  const gram = await products.multiply(matrix, matrix, wide ? 'right transposed' : 'left transposed')
  const { vectors: small } = await largestEigen(gram.data as Float64Array, gram.rows, products)
  const large = await products.multiply(matrix, small, wide ? 'left transposed' : 'plain')
  // Lengths of the images are exact where the eigenvalues have lost small singular values.
  const singularValues = columnLengths(large)
  const rank = keptRank(singularValues, kept, total, NEGLIGIBLE)
  const roots = singularValues.slice(0, rank).map(Math.sqrt)
  const inverse = roots.map((root) => 1 / root)
  const [left, right] = wide ? [small, large] : [large, small]
  const up = scaledColumns(left, wide ? roots : inverse)
  const scaled = scaledColumns(right, wide ? inverse : roots)
  return { rank, up, down: transposed(scaled), singularValues, total }
}

/**
 * The best rank of A within the columns that A makes of a few directions. These are the main ones of many random
 * combinations S of A's rows, found by a product with S Sᵀ: a step of the power method at the price of a small matrix,
 * which leaves two passes over A.
 */
async function randomised(
  given: Matrix,
  { combinations, directions: first }: Sketch,
  kept: Kept,
  total: number,
  products: MatrixProducts,
): Promise<LowRank> {
  const matrix = given.data instanceof Float32Array ? given : { ...given, data: Float32Array.from(given.data) }
  const along = await products.multiply(combinations, first, 'right transposed')
  const main = await orthonormalColumns(along, products)
  const directions = await products.multiply(main, combinations, 'left transposed')
  const images = await products.multiply(matrix, directions, 'right transposed')
  const left = await orthonormalColumns(images, products)
  const right = await products.multiply(left, matrix, 'left transposed')
  const count = right.rows
  const { values, vectors } = symmetricEigen(await gramOfRows(right, products), count)
  const singularValues = values.map((value) => Math.sqrt(Math.max(0, value)))
  const found = keptRank(singularValues, kept, total, NEGLIGIBLE_SINGLE)
  const roots = singularValues.slice(0, found).map(Math.sqrt)
  const inverse = roots.map((root) => 1 / root)
  const rotation = single(vectors, count)
  const [toUp, toDown] = [roots, inverse].map((factors) => scaledColumns(rotation, factors)) as [Matrix, Matrix]
  const up = await products.multiply(left, toUp)
  const down = await products.multiply(toDown, right, 'left transposed')
  return { rank: found, up, down, singularValues, total }
}

/** The rank that is kept, without singular values that are rounding errors. */
function keptRank(singularValues: Float64Array, kept: Kept, total: number, negligible: number): number {
  const wanted = 'rank' in kept ? kept.rank : energyRank(singularValues, kept.energy, total)
  const floor = negligible * singularValues[0]!
  return Math.min(wanted, singularValues.filter((value) => value > floor).length)
}

function isWide({ rows, columns }: Pick<Matrix, 'rows' | 'columns'>): boolean {
  return rows <= columns
}

function columnLengths({ data, rows, columns }: Matrix): Float64Array {
  const sums = new Float64Array(columns)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) sums[column]! += data[row * columns + column]! ** 2
  return sums.map(Math.sqrt)
}

/** Σ v² in float64. */
export function sumOfSquares(values: Float32Array | Float64Array): number {
  // Sums that do not wait for each other.
  let [a, b, c, d] = [0, 0, 0, 0]
  const fours = values.length & ~3
  for (let i = 0; i < fours; i += 4) {
    a += values[i]! * values[i]!
    b += values[i + 1]! * values[i + 1]!
    c += values[i + 2]! * values[i + 2]!
    d += values[i + 3]! * values[i + 3]!
  }
  for (let i = fours; i < values.length; i++) a += values[i]! * values[i]!
  return a + b + (c + d)
}

/** |matrix − up · down|² and |matrix|², in float64 sums; the factors are taken in the matrix's element type. */
export async function lostEnergy(
  matrix: Matrix,
  { up, down }: Pick<LowRank, 'up' | 'down'>,
  products: MatrixProducts,
): Promise<{ lost: number; total: number }> {
  const { data: product } = await products.multiply(inTypeOf(matrix, up), inTypeOf(matrix, down))
  let lost = 0
  for (let i = 0; i < product.length; i++) lost += (matrix.data[i]! - product[i]!) ** 2
  return { lost, total: sumOfSquares(matrix.data) }
}
