import { TorchGenerator } from '../random'
import type { Matrix, MatrixProducts } from './matrix-products'
import { symmetricEigen } from './symmetric-eigen'

/** How much of a matrix is kept: a number of singular values, or a part of Σ σ² (0 … 1). */
export type Kept = { rank: number } | { energy: number }

/** The best approximation of a matrix of a rank: up [rows, rank] · down [rank, columns]. */
export interface LowRank {
  rank: number
  up: Matrix
  down: Matrix
  /** Those that were computed, largest first: all of them by the exact route. */
  singularValues: Float64Array
}

/** Up to this smaller side a matrix is decomposed exactly, in float64. */
const EXACT_SIDE = 128
/** Random directions beyond the rank (Halko, Martinsson, Tropp, arXiv 0909.4061), and how often they are sharpened. */
const OVERSAMPLING = 8
const POWER_STEPS = 2
/** Beyond this part of the smaller side the exact route costs less than random directions. */
const MOST_RANDOM_PART = 0.25
/** Directions that a search for a kept energy starts with, before the number doubles. */
const FIRST_ENERGY_RANK = 56
/** Singular values below this part of the largest are rounding errors. */
const NEGLIGIBLE = 1e-9
const SEED = 0

/** Whether a matrix of this size is decomposed exactly: its elements are then wanted in float64, else in float32. */
export function isExact(rows: number, columns: number, kept: Kept): boolean {
  const smaller = Math.min(rows, columns)
  const directions = ('rank' in kept ? kept.rank : FIRST_ENERGY_RANK) + OVERSAMPLING
  return smaller <= EXACT_SIDE || directions > MOST_RANDOM_PART * smaller
}

/** Orthonormal directions of a matrix's smaller side, and what the matrix makes of them on its larger side. */
interface Directions {
  /** [smaller, count] */
  small: Matrix
  /** [larger, count]: orthogonal columns, whose lengths are the singular values. */
  large: Matrix
  singularValues: Float64Array
}

/**
 * Truncated singular value decomposition: exact (eigenvectors of the smaller Gram matrix, float64) for small matrices and
 * high ranks, else by randomised subspace iteration in float32. Deterministic.
 * @param kept a rank above the matrix's own is cut to it
 * @returns null for a matrix of zeros. σ is shared evenly between the factors, so that both fit into float16.
 */
export async function truncatedSvd(matrix: Matrix, kept: Kept, products: MatrixProducts): Promise<LowRank | null> {
  const total = sumOfSquares(matrix.data)
  if (total === 0) return null
  if (isExact(matrix.rows, matrix.columns, kept)) return finish(matrix, await exact(matrix, products), kept, total)
  if ('rank' in kept) return finish(matrix, await randomised(matrix, kept.rank, products), kept, total)
  const smaller = Math.min(matrix.rows, matrix.columns)
  for (let rank = FIRST_ENERGY_RANK; rank + OVERSAMPLING <= MOST_RANDOM_PART * smaller; rank *= 2) {
    const found = await randomised(matrix, rank, products)
    if (energyRank(found.singularValues, kept.energy, total) <= rank) return finish(matrix, found, kept, total)
  }
  return finish(matrix, await exact(matrix, products), kept, total)
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

async function exact(given: Matrix, products: MatrixProducts): Promise<Directions> {
  const matrix = { ...given, data: Float64Array.from(given.data) }
  const gram = await products.multiply(matrix, matrix, isWide(matrix) ? 'right transposed' : 'left transposed')
  const { vectors } = symmetricEigen(gram.data as Float64Array, gram.rows)
  const small = { data: vectors, rows: gram.rows, columns: gram.rows }
  const large = await toLarge(matrix, small, products)
  // Lengths of the images are exact where the eigenvalues have lost small singular values.
  return { small, large, singularValues: columnLengths(large) }
}

async function randomised(matrix: Matrix, rank: number, products: MatrixProducts): Promise<Directions> {
  const smaller = Math.min(matrix.rows, matrix.columns)
  const count = rank + OVERSAMPLING
  let small: Matrix = { data: new TorchGenerator(SEED).randn(smaller * count), rows: smaller, columns: count }
  for (let step = 0; step < POWER_STEPS; step++)
    small = orthonormal(await toSmall(matrix, await toLarge(matrix, small, products), products))
  const image = await toLarge(matrix, small, products)
  const { vectors } = symmetricEigen(gramOfColumns(image), count)
  const rotation = { data: Float32Array.from(vectors), rows: count, columns: count }
  const large = await products.multiply(image, rotation)
  return { small: await products.multiply(small, rotation), large, singularValues: columnLengths(large) }
}

function finish({ rows, columns }: Matrix, found: Directions, kept: Kept, total: number): LowRank {
  const { singularValues } = found
  const wanted = 'rank' in kept ? kept.rank : energyRank(singularValues, kept.energy, total)
  const floor = NEGLIGIBLE * singularValues[0]!
  const rank = Math.min(wanted, singularValues.filter((value) => value > floor).length)
  const roots = singularValues.slice(0, rank).map(Math.sqrt)
  const isUpSmall = isWide({ rows, columns })
  const [left, right] = isUpSmall ? [found.small, found.large] : [found.large, found.small]
  const leftScale = isUpSmall ? roots : roots.map((root) => 1 / root)
  const rightScale = isUpSmall ? roots.map((root) => 1 / root) : roots
  const up = { data: scaledColumns(left, leftScale), rows, columns: rank }
  const scaled = scaledColumns(right, rightScale)
  return { rank, up, down: { data: turned(scaled, columns, rank), rows: rank, columns }, singularValues }
}

function isWide({ rows, columns }: Pick<Matrix, 'rows' | 'columns'>): boolean {
  return rows <= columns
}

/** [smaller, n] → [larger, n]. */
function toLarge(matrix: Matrix, small: Matrix, products: MatrixProducts): Promise<Matrix> {
  return products.multiply(matrix, small, isWide(matrix) ? 'left transposed' : 'plain')
}

/** [larger, n] → [smaller, n]. */
function toSmall(matrix: Matrix, large: Matrix, products: MatrixProducts): Promise<Matrix> {
  return products.multiply(matrix, large, isWide(matrix) ? 'plain' : 'left transposed')
}

/** Gram and Schmidt, twice in float64; columns that depend on others become zeros. */
function orthonormal({ data, rows, columns }: Matrix): Matrix {
  const vectors: Float64Array[] = []
  for (let column = 0; column < columns; column++) {
    const vector = Float64Array.from({ length: rows }, (_, row) => data[row * columns + column]!)
    const before = Math.sqrt(sumOfSquares(vector))
    for (let pass = 0; pass < 2; pass++)
      for (const other of vectors) {
        let along = 0
        for (let row = 0; row < rows; row++) along += vector[row]! * other[row]!
        for (let row = 0; row < rows; row++) vector[row]! -= along * other[row]!
      }
    const length = Math.sqrt(sumOfSquares(vector))
    // What is left of a float32 column that depends on the others is its rounding.
    const factor = length > NEGLIGIBLE * before ? 1 / length : 0
    for (let row = 0; row < rows; row++) vector[row]! *= factor
    vectors.push(vector)
  }
  const result = new Float32Array(rows * columns)
  vectors.forEach((vector, column) => {
    for (let row = 0; row < rows; row++) result[row * columns + column] = vector[row]!
  })
  return { data: result, rows, columns }
}

/** Zᵀ Z in float64. */
function gramOfColumns({ data, rows, columns }: Matrix): Float64Array {
  const gram = new Float64Array(columns * columns)
  for (let row = 0; row < rows; row++)
    for (let i = 0, at = row * columns; i < columns; i++) {
      const value = data[at + i]!
      for (let k = i; k < columns; k++) gram[i * columns + k]! += value * data[at + k]!
    }
  for (let i = 0; i < columns; i++) for (let k = 0; k < i; k++) gram[i * columns + k] = gram[k * columns + i]!
  return gram
}

function columnLengths({ data, rows, columns }: Matrix): Float64Array {
  const sums = new Float64Array(columns)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) sums[column]! += data[row * columns + column]! ** 2
  return sums.map(Math.sqrt)
}

/** The first columns, as many as there are factors, each times its factor. */
function scaledColumns({ data, rows, columns }: Matrix, factors: Float64Array): Matrix['data'] {
  const count = factors.length
  const result = emptyLike(data, rows * count)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < count; column++)
      result[row * count + column] = data[row * columns + column]! * factors[column]!
  return result
}

/** [rows, columns] as [columns, rows]. */
function turned(data: Matrix['data'], rows: number, columns: number): Matrix['data'] {
  const result = emptyLike(data, rows * columns)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result[column * rows + row] = data[row * columns + column]!
  return result
}

function emptyLike(data: Matrix['data'], length: number): Matrix['data'] {
  return data instanceof Float64Array ? new Float64Array(length) : new Float32Array(length)
}

export function sumOfSquares(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!
  return sum
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

function inTypeOf({ data }: Matrix, factor: Matrix): Matrix {
  if (data instanceof Float64Array === factor.data instanceof Float64Array) return factor
  const converted = emptyLike(data, factor.data.length)
  converted.set(factor.data)
  return { ...factor, data: converted }
}
