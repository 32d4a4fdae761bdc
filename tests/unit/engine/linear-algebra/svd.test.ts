import { afterAll, describe, expect, it } from 'vitest'
import { gramOfColumns, gramOfRows } from '../../../../src-main/engine/linear-algebra/gram'
import { MatrixProducts, type Matrix } from '../../../../src-main/engine/linear-algebra/matrix-products'
import { scaledRows } from '../../../../src-main/engine/linear-algebra/rows-and-columns'
import { isRotated, polarFactor, svd } from '../../../../src-main/engine/linear-algebra/svd'
import { TorchGenerator } from '../../../../src-main/engine/random'

const products = new MatrixProducts()
afterAll(() => products.release())
const generator = new TorchGenerator(5)

const random = (rows: number, columns: number): Matrix => ({
  data: Float64Array.from(generator.randn(rows * columns)),
  rows,
  columns,
})

/** A matrix with these singular values. */
async function withValues(rows: number, columns: number, values: readonly number[]): Promise<Matrix> {
  const [left, right] = [await svd(random(rows, rows), products), await svd(random(columns, columns), products)]
  const inner = { data: new Float64Array(rows * columns), rows, columns }
  values.forEach((value, at) => (inner.data[at * columns + at] = value))
  return products.multiply(await products.multiply(left.left, inner), right.right)
}

const distance = (a: ArrayLike<number>, b: (at: number) => number): number =>
  Array.from(a).reduce((most, value, at) => Math.max(most, Math.abs(value - b(at))), 0)
const identity =
  (n: number) =>
  (at: number): number =>
    at % (n + 1) === 0 ? 1 : 0

/** By rotations, and by squares. */
const SHAPES = [
  [12, 30],
  [30, 12],
  [7, 7],
  [1, 9],
  [90, 200],
  [200, 90],
] as const

describe('svd', () => {
  it.each(SHAPES)('takes a %i × %i matrix apart', async (rows, columns) => {
    const matrix = random(rows, columns)
    const { left, values, right } = await svd(matrix, products)
    const n = Math.min(rows, columns)
    expect(values.length).toBe(n)
    expect([...values]).toEqual([...values].sort((a, b) => b - a))
    expect(distance(await gramOfColumns(left, products), identity(n))).toBeLessThan(1e-10)
    expect(distance(await gramOfRows(right, products), identity(n))).toBeLessThan(1e-10)
    const { data } = await products.multiply(
      left,
      scaledRows(right, (at) => values[at]!),
    )
    expect(distance(data, (at) => matrix.data[at]!)).toBeLessThan(1e-12 * values[0]! * n)
  })

  it('keeps the digits of small singular values of small matrices', async () => {
    const wanted = [1, 1e-3, 1e-7, 1e-11]
    const found = await svd(await withValues(4, 9, wanted), products)
    found.values.forEach((value, at) => expect(Math.abs(value / wanted[at]! - 1)).toBeLessThan(1e-4))
  })

  it.each([
    [20, 30],
    [90, 120],
  ])('finds the numerical rank of a %i × %i matrix', async (rows, columns) => {
    const matrix = await products.multiply(random(rows, 5), random(5, columns))
    expect((await svd(matrix, products)).values.length).toBe(5)
    expect((await svd(matrix, products, { count: 3 })).values.length).toBe(3)
    const { values } = await svd(matrix, products)
    expect((await svd(matrix, products, { floor: (values[1]! + values[2]!) / 2 })).values.length).toBe(2)
    const zeros = { ...matrix, data: new Float64Array(matrix.data.length) }
    expect((await svd(zeros, products)).values.length).toBe(0)
  })

  it('rotates small matrices only', () => {
    expect([isRotated(40, 200), isRotated(41, 41), isRotated(40, 300)]).toEqual([true, false, false])
  })
})

describe('polarFactor', () => {
  it.each(SHAPES)('is the nearest orthogonal matrix of %i × %i', async (rows, columns) => {
    const matrix = random(rows, columns)
    const { factor, nuclearNorm, rank } = await polarFactor(matrix, products)
    expect(rank).toBe(Math.min(rows, columns))
    // Of all orthogonal matrices it has the largest inner product with the matrix, Σ σ.
    const along = Array.from(factor.data, (value, at) => value * matrix.data[at]!).reduce(
      (sum, value) => sum + value,
      0,
    )
    expect(along).toBeCloseTo(nuclearNorm, 8)
    const own = await (rows <= columns ? gramOfRows(factor, products) : gramOfColumns(factor, products))
    expect(distance(own, identity(rank))).toBeLessThan(1e-10)
  })

  it('is zero for zeros', async () => {
    const { factor, rank } = await polarFactor({ data: new Float64Array(6), rows: 2, columns: 3 }, products)
    expect([...factor.data, rank]).toEqual([0, 0, 0, 0, 0, 0, 0])
  })
})
