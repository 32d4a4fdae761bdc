import { afterAll, describe, expect, it } from 'vitest'
import { MatrixProducts, type Matrix } from '../../../../src-main/engine/linear-algebra/matrix-products'
import { symmetricEigen } from '../../../../src-main/engine/linear-algebra/symmetric-eigen'
import {
  energyRank,
  isExact,
  lostEnergy,
  sumOfSquares,
  truncatedSvd,
} from '../../../../src-main/engine/linear-algebra/truncated-svd'
import { TorchGenerator } from '../../../../src-main/engine/random'

const products = new MatrixProducts()
afterAll(() => products.release())

const generator = new TorchGenerator(7)
const random = (rows: number, columns: number): Matrix => ({ data: generator.randn(rows * columns), rows, columns })

/** A matrix of a rank, its parts getting smaller, and noise on top. */
async function lowRank(rows: number, columns: number, rank: number, noise: number): Promise<Matrix> {
  const left = random(rows, rank)
  left.data.forEach((value, at) => (left.data[at] = value / (1 + (at % rank))))
  const { data } = await products.multiply(left, random(rank, columns))
  const noises = random(rows, columns).data
  return { data: data.map((value, at) => value + noise * noises[at]!) as Float32Array, rows, columns }
}

const doubles = ({ data, ...size }: Matrix): Matrix => ({ data: Float64Array.from(data), ...size })

describe('symmetricEigen', () => {
  it.each([1, 2, 3, 40, 150])('takes a symmetric matrix of %i rows apart', (n) => {
    const values = random(n, n).data
    const matrix = Float64Array.from({ length: n * n }, (_, at) => {
      return values[at]! + values[(at % n) * n + Math.floor(at / n)]!
    })
    const { values: found, vectors } = symmetricEigen(matrix, n)
    for (let i = 0; i < n; i++)
      for (let row = 0; row < n; row++) {
        let image = 0
        for (let k = 0; k < n; k++) image += matrix[row * n + k]! * vectors[k * n + i]!
        expect(image).toBeCloseTo(found[i]! * vectors[row * n + i]!, 10)
      }
    expect([...found]).toEqual([...found].sort((a, b) => b - a))
  })

  it('takes zeros, diagonals and equal values', () => {
    expect([...symmetricEigen(new Float64Array(9), 3).values]).toEqual([0, 0, 0])
    expect([...symmetricEigen(Float64Array.of(1, 0, 0, 0, 5, 0, 0, 0, 1), 3).values]).toEqual([5, 1, 1])
    const ones = symmetricEigen(new Float64Array(16).fill(1), 4)
    expect(ones.values[0]).toBeCloseTo(4, 12)
  })
})

describe('truncatedSvd', () => {
  it.each([
    [30, 50],
    [50, 30],
    [400, 900],
    [900, 400],
  ])('gives a %i × %i matrix of rank 5 back at rank 5 and above', async (rows, columns) => {
    const matrix = await lowRank(rows, columns, 5, 0)
    for (const rank of [5, 9]) {
      const found = await truncatedSvd(matrix, { rank }, products)
      const { lost, total } = await lostEnergy(matrix, found!, products)
      expect(Math.sqrt(lost / total)).toBeLessThan(3e-6)
    }
  })

  it.each([
    [300, 800, 1],
    [800, 300, 0.02],
    [320, 320, 0.2],
    [320, 320, 100],
    [1100, 400, 100],
  ])('loses little more by random directions than is possible: %i × %i, noise %f', async (rows, columns, noise) => {
    const matrix = await lowRank(rows, columns, 12, noise)
    const kept = { rank: 16 }
    expect(isExact(rows, columns, kept)).toBe(false)
    const found = await truncatedSvd(matrix, kept, products)
    const { lost } = await lostEnergy(matrix, found!, products)
    const all = (await truncatedSvd(doubles(matrix), { rank: rows }, products))!.singularValues
    const best = sumOfSquares(all.subarray(16))
    expect(Math.sqrt(lost / best)).toBeLessThan(1.02)
    expect(Math.sqrt(lost / best)).toBeGreaterThan(0.999)
  })

  it('finds the rank that keeps a part of the energy, by either route', async () => {
    for (const noise of [0.05, 3]) {
      const matrix = await lowRank(300, 500, 12, noise)
      const { singularValues } = (await truncatedSvd(doubles(matrix), { rank: 300 }, products))!
      const wanted = energyRank(singularValues, 0.9)
      const found = await truncatedSvd(matrix, { energy: 0.9 }, products)
      expect(Math.abs(found!.rank - wanted)).toBeLessThanOrEqual(1)
      const { lost, total } = await lostEnergy(matrix, found!, products)
      expect(lost / total).toBeLessThanOrEqual(0.1)
    }
  })

  it('cuts a rank to that of the matrix, and finds nothing in zeros', async () => {
    const matrix = doubles(random(3, 20))
    expect((await truncatedSvd(matrix, { rank: 8 }, products))!.rank).toBe(3)
    expect(await truncatedSvd({ data: new Float64Array(6), rows: 2, columns: 3 }, { rank: 2 }, products)).toBeNull()
  })

  it('gives the same twice', async () => {
    const matrix = await lowRank(300, 400, 12, 0.1)
    const [first, second] = [
      await truncatedSvd(matrix, { rank: 8 }, products),
      await truncatedSvd(matrix, { rank: 8 }, products),
    ]
    expect(first!.up.data).toEqual(second!.up.data)
  })
})
