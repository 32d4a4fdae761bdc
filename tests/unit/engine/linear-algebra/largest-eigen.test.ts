import { afterAll, describe, expect, it } from 'vitest'
import { gramOfColumns, gramOfRows } from '../../../../src-main/engine/linear-algebra/gram'
import { MatrixProducts } from '../../../../src-main/engine/linear-algebra/matrix-products'
import { largestEigen, symmetricEigen } from '../../../../src-main/engine/linear-algebra/symmetric-eigen'
import { TorchGenerator } from '../../../../src-main/engine/random'

const products = new MatrixProducts()
afterAll(() => products.release())
const generator = new TorchGenerator(11)

/** Rows · rowsᵀ of random rows, of which each is as long as `length` says. */
function gram(n: number, columns: number, length = (_row: number): number => 1): Promise<Float64Array> {
  const data = Float64Array.from(generator.randn(n * columns), (value, at) => value * length(Math.floor(at / columns)))
  return gramOfRows({ data, rows: n, columns }, products)
}

/** A diagonal with ones beside it, whose values come in pairs that are equal but for rounding (Wilkinson's W⁺). */
function wilkinson(n: number): Float64Array {
  const matrix = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    matrix[i * n + i] = Math.abs(i - (n - 1) / 2)
    if (i > 0) matrix[i * n + i - 1] = matrix[(i - 1) * n + i] = 1
  }
  return matrix
}

function indefinite(n: number): Float64Array {
  const matrix = new Float64Array(n * n)
  const values = generator.randn(n * n)
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) matrix[i * n + j] = matrix[j * n + i] = values[i * n + j]!
  return matrix
}

function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0))
}

const MATRICES: readonly [string, number, () => Float64Array | Promise<Float64Array>][] = [
  ['of 1 row', 1, () => gram(1, 3)],
  ['of 2 rows', 2, () => gram(2, 3)],
  ['just below two halves', 48, () => gram(48, 100)],
  ['of two halves', 49, () => gram(49, 100)],
  ['of four parts of odd sizes', 131, () => gram(131, 300)],
  ['of zeros', 100, () => new Float64Array(100 * 100)],
  ['of ones', 100, () => new Float64Array(100 * 100).fill(1)],
  ['the identity', 100, () => identity(100)],
  ['of rank 20', 120, () => gram(120, 20)],
  ['with values from 1 to 1e-20, falling', 120, () => gram(120, 300, (row) => 10 ** (-row / 12))],
  ['with values from 1e-20 to 1, rising', 120, () => gram(120, 300, (row) => 10 ** (row / 12 - 10))],
  ['with pairs of values', 151, () => wilkinson(151)],
  ['with negative values', 110, () => indefinite(110)],
  ['with very small numbers', 80, async () => (await gram(80, 90)).map((value) => value * 1e-60)],
]

describe('largestEigen', () => {
  it.each(MATRICES)('takes a matrix apart %s', async (_, n, make) => {
    const matrix = await make()
    const { values, vectors } = await largestEigen(matrix, n, products)
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    const images = await products.multiply({ data: matrix, rows: n, columns: n }, vectors)
    const wrong = Array.from(images.data).reduce((most, value, at) => {
      return Math.max(most, Math.abs(value - values[at % n]! * vectors.data[at]!))
    }, 0)
    expect(wrong).toBeLessThanOrEqual(1e-13 * largest)
    const own = await gramOfColumns(vectors, products)
    const bent = own.reduce((most, value, at) => Math.max(most, Math.abs(value - (at % (n + 1) === 0 ? 1 : 0))), 0)
    expect(bent).toBeLessThan(1e-12)
    expect([...values]).toEqual([...values].sort((a, b) => b - a))
  })

  it('gives the vectors of the largest values alone', async () => {
    const matrix = await gram(150, 400)
    const all = await largestEigen(matrix, 150, products)
    const some = await largestEigen(matrix, 150, products, 9)
    expect(some.values).toEqual(all.values)
    expect(some.vectors.columns).toBe(9)
    const between = await products.multiply(all.vectors, some.vectors, 'left transposed')
    for (let column = 0; column < 9; column++) expect(Math.abs(between.data[column * 9 + column]!)).toBeCloseTo(1, 12)
  })

  it('agrees with QL, and gives the same twice', async () => {
    const matrix = await gram(90, 200)
    const { values } = symmetricEigen(matrix, 90)
    const found = await largestEigen(matrix, 90, products)
    found.values.forEach((value, at) => expect(value).toBeCloseTo(values[at]!, 9))
    expect(await largestEigen(matrix, 90, products)).toEqual(found)
  })
})

describe('gram matrices', () => {
  it.each([
    [3, 5],
    [700, 9],
    [330, 7000],
  ])('of %i rows of %i numbers are their inner products', async (rows, columns) => {
    const data = generator.randn(rows * columns)
    const byRows = await gramOfRows({ data, rows, columns }, products)
    const turned = Float32Array.from(data, (_, at) => data[(at % rows) * columns + Math.floor(at / rows)]!)
    expect(await gramOfColumns({ data: turned, rows: columns, columns: rows }, products)).toEqual(byRows)
    for (const [i, j] of [
      [0, 0],
      [rows - 1, 0],
      [1, rows - 1],
    ] as const) {
      let sum = 0
      for (let k = 0; k < columns; k++) sum += data[i * columns + k]! * data[j * columns + k]!
      expect(byRows[i * rows + j]).toBeCloseTo(sum, 9)
    }
  })

  it('add up columns of more terms than are taken at once', async () => {
    const [rows, columns] = [700_000, 4]
    const data = generator.randn(rows * columns)
    const found = await gramOfColumns({ data, rows, columns }, products)
    for (const [i, j] of [
      [0, 0],
      [3, 1],
      [1, 3],
    ] as const) {
      let sum = 0
      for (let row = 0; row < rows; row++) sum += data[row * columns + i]! * data[row * columns + j]!
      expect(found[i * columns + j]).toBeCloseTo(sum, 6)
    }
  })
})
