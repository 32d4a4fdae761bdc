import { afterAll, describe, expect, it } from 'vitest'
import { gramOfRows } from '../../../../src-main/engine/linear-algebra/gram'
import { MatrixProducts, type Matrix } from '../../../../src-main/engine/linear-algebra/matrix-products'
import { orthonormalRows } from '../../../../src-main/engine/linear-algebra/orthonormal'
import { rowSketch } from '../../../../src-main/engine/linear-algebra/row-sketch'
import { truncatedSvd } from '../../../../src-main/engine/linear-algebra/truncated-svd'
import { TorchGenerator } from '../../../../src-main/engine/random'

const products = new MatrixProducts()
afterAll(() => products.release())
const generator = new TorchGenerator(3)

/** Largest distance of a Gram matrix from the identity, where a row is zero: from zeros. */
async function distance(rows: Matrix): Promise<number> {
  const gram = await gramOfRows(rows, products)
  return gram.reduce((most, value, at) => {
    const [i, k] = [Math.floor(at / rows.rows), at % rows.rows]
    const wanted = i === k && gram[i * rows.rows + i] !== 0 ? 1 : 0
    return Math.max(most, Math.abs(value - wanted))
  }, 0)
}

describe('orthonormalRows', () => {
  it.each([0, 3e-4, 1])('makes rows orthonormal that are %f away from one another', async (away) => {
    const data = generator.randn(12 * 300)
    for (let at = 300; at < data.length; at++) data[at] = data[at % 300]! + away * data[at]!
    const rows = await orthonormalRows({ data, rows: 12, columns: 300 }, products)
    expect(await distance(rows)).toBeLessThan(1e-5)
    const lengths = Array.from({ length: 12 }, (_, row) =>
      Math.hypot(...rows.data.subarray(row * 300, row * 300 + 300)),
    )
    expect(lengths.filter((length) => length > 0.5).length).toBe(away === 0 ? 1 : 12)
  })
})

describe('rowSketch', () => {
  it('tells as many rows apart as a matrix has, wherever they are', async () => {
    const data = new Float32Array(500 * 400)
    for (let k = 0; k < 32; k++) data.set(generator.randn(400), ((k * 37) % 500) * 400)
    const matrix = { data, rows: 500, columns: 400 }
    expect(rowSketch(matrix, 40)).toMatchObject({ rows: 40, columns: 400 })
    const found = await truncatedSvd(matrix, { rank: 32 }, products)
    const kept = found!.singularValues.subarray(0, 32).reduce((sum, value) => sum + value ** 2, 0)
    expect(kept / found!.total).toBeGreaterThan(0.999999)
  })
})
