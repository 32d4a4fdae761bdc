import { Kernels } from '../tensor/kernels'
import type { Matrix, MatrixProducts } from './matrix-products'
import { dot, lengthOf } from './vectors'

/** A symmetric matrix A as Qᵀ T Q, with T tridiagonal and Q = H₁ H₂ … H₍ₙ₋₁₎. */
export interface Tridiagonal {
  /** Of T. */
  diagonal: Float64Array
  /** T's other diagonal: element i lies between i and i + 1. */
  beside: Float64Array
  /** Vector v of H_i = 1 − v vᵀ (|v|² = 2), of length i, per row; null: H_i is 1. */
  reflections: readonly (Float64Array | null)[]
}

/** Scratch memory, kept from one matrix to the next up to a size. */
let kernels: Kernels | undefined
/** Above so many rows the scratch memory is given back. */
const KEPT_ROWS = 1536

/** Part of the largest element below which a row is 0: far below rounding errors, and its square is still a number. */
const NEGLIGIBLE = Number.EPSILON ** 2

/** Reflections that are applied together, as products. */
const REFLECTIONS_AT_ONCE = 128

/**
 * Householder's reduction to a tridiagonal matrix (tred2 of EISPACK), row by row from the last one. The change of the
 * matrix by one reflection and its product with the next one are one pass over it. 4/3 n³ operations.
 * @param matrix [n, n] symmetric, row-major, of which the lower triangle is read; not changed
 */
export function tridiagonalise(matrix: Float64Array, n: number): Tridiagonal {
  const memory = kernels ?? new Kernels(0)
  kernels = n <= KEPT_ROWS ? memory : undefined
  memory.reset()
  const [a, ...vectors] = [n * n, n, n, n, n].map((count) => memory.allocateMore(count * 8))
  const [product, v, w, x] = vectors
  const values = a!.doubles(n * n)
  values.set(matrix)
  const [products, before, other, next] = [product!, v!, w!, x!].map((buffer) => buffer.doubles(n))
  before!.fill(0)
  other!.fill(0)
  const negligible = NEGLIGIBLE * matrix.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const diagonal = new Float64Array(n)
  const beside = new Float64Array(Math.max(0, n - 1))
  const reflections = new Array<Float64Array | null>(n).fill(null)
  for (let i = n - 1; i >= 0; i--) {
    const row = values.subarray(i * n, i * n + i + 1)
    for (let k = 0; k <= i; k++) row[k]! -= before![i]! * other![k]! + other![i]! * before![k]!
    diagonal[i] = row[i]!
    if (i === 0) break
    const left = row.subarray(0, i)
    const vector = reflection(left, negligible)
    beside[i - 1] = vector ? -Math.sign(vector[i - 1]!) * lengthOf(left) : left[i - 1]!
    reflections[i] = vector
    if (vector) next!.set(vector)
    else next!.fill(0, 0, i)
    memory.run.reduceSymmetric(a!.pointer, n * 8, i, v!.pointer, w!.pointer, x!.pointer, product!.pointer)
    // H A H = A − x yᵀ − y xᵀ with y = A x − (xᵀ A x / 2) x: the next pass changes the matrix so.
    const half = dot(products!.subarray(0, i), next!.subarray(0, i)) / 2
    for (let k = 0; k < i; k++) {
      before![k] = next![k]!
      other![k] = products![k]! - half * next![k]!
    }
  }
  return { diagonal, beside, reflections }
}

/** The vector of the reflection that turns a row into (0, …, 0, ∓length); null where it is so already, but for rounding. */
function reflection(row: Float64Array, negligible: number): Float64Array | null {
  const last = row.length - 1
  if (lengthOf(row.subarray(0, last)) <= negligible) return null
  const vector = row.slice()
  vector[last]! += (vector[last]! > 0 ? 1 : -1) * lengthOf(row)
  const scale = Math.SQRT2 / lengthOf(vector)
  for (let k = 0; k <= last; k++) vector[k]! *= scale
  return vector
}

/**
 * Rows y of T's eigenvectors become those of A, y Q, in place.
 * @param vectors [count, n]
 */
export function turnBack(vectors: Float64Array, n: number, { reflections }: Pick<Tridiagonal, 'reflections'>): void {
  for (let row = 0; row < vectors.length; row += n)
    for (const vector of reflections) if (vector) reflectRow(vectors.subarray(row, row + vector.length), vector)
}

/**
 * Columns y of T's eigenvectors become those of A, Qᵀ y, in place. By products: reflections by blocks,
 * (H_a … H_b)ᵀ = 1 − Vᵀ Tᵀ V (Schreiber and Van Loan, 1989).
 * @param vectors [n, count] in float64
 */
export async function turnColumnsBack(
  { data, columns: count }: Matrix,
  { reflections }: Pick<Tridiagonal, 'reflections'>,
  products: MatrixProducts,
): Promise<void> {
  const used = reflections.filter((vector) => vector !== null)
  for (let first = 0; first < used.length; first += REFLECTIONS_AT_ONCE) {
    const block = used.slice(first, first + REFLECTIONS_AT_ONCE)
    const width = block.at(-1)!.length
    const v = { data: new Float64Array(block.length * width), rows: block.length, columns: width }
    block.forEach((vector, i) => v.data.set(vector, i * width))
    const gram = await products.multiply(v, v, 'right transposed')
    const factor = { data: blockFactor(gram.data, block.length), rows: block.length, columns: block.length }
    const part = { data: data.subarray(0, width * count), rows: width, columns: count }
    const along = await products.multiply(factor, await products.multiply(v, part), 'left transposed')
    data.set((await products.subtractProduct(part, v, along, 'left transposed')).data)
  }
}

/** T of 1 − Vᵀ T V from the inner products of the reflections' vectors: upper triangular. */
function blockFactor(gram: ArrayLike<number>, size: number): Float64Array {
  const factor = new Float64Array(size * size)
  for (let k = 0; k < size; k++) {
    factor[k * size + k] = 1
    for (let i = 0; i < k; i++) {
      let sum = 0
      for (let j = i; j < k; j++) sum += factor[i * size + j]! * gram[j * size + k]!
      factor[i * size + k] = -sum
    }
  }
  return factor
}

function reflectRow(row: Float64Array, vector: Float64Array): void {
  const along = dot(row, vector)
  if (along !== 0) for (let k = 0; k < row.length; k++) row[k]! -= along * vector[k]!
}
