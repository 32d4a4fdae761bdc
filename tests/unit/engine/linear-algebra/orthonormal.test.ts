import { afterAll, describe, expect, it } from 'vitest'
import { gramOfColumns } from '../../../../src-main/engine/linear-algebra/gram'
import { MatrixProducts, type Matrix } from '../../../../src-main/engine/linear-algebra/matrix-products'
import { orthonormalColumns } from '../../../../src-main/engine/linear-algebra/orthonormal'
import { rowSketch } from '../../../../src-main/engine/linear-algebra/row-sketch'
import { truncatedSvd } from '../../../../src-main/engine/linear-algebra/truncated-svd'
import { TorchGenerator } from '../../../../src-main/engine/random'

const products = new MatrixProducts()
afterAll(() => products.release())
const generator = new TorchGenerator(3)

/** Largest distance of a Gram matrix from the identity, where a column is zero: from zeros. */
async function distance(columns: Matrix): Promise<number> {
  const gram = await gramOfColumns(columns, products)
  return gram.reduce((most, value, at) => {
    const [i, k] = [Math.floor(at / columns.columns), at % columns.columns]
    const wanted = i === k && gram[i * columns.columns + i] !== 0 ? 1 : 0
    return Math.max(most, Math.abs(value - wanted))
  }, 0)
}

describe('orthonormalColumns', () => {
  it.each([0, 3e-4, 1])('makes columns orthonormal that are %f away from one another', async (away) => {
    const first = generator.randn(300)
    const data = generator.randn(300 * 12)
    for (let at = 0; at < data.length; at++) if (at % 12 > 0) data[at] = first[Math.floor(at / 12)]! + away * data[at]!
    const columns = await orthonormalColumns({ data, rows: 300, columns: 12 }, products)
    expect(await distance(columns)).toBeLessThan(1e-5)
    const lengths = Array.from({ length: 12 }, (_, column) =>
      Math.hypot(...columns.data.filter((_, at) => at % 12 === column)),
    )
    expect(lengths.filter((length) => length > 0.5).length).toBe(away === 0 ? 2 : 12)
  })
})

describe('rowSketch', () => {
  it('tells as many rows apart as a matrix has, wherever they are', async () => {
    const data = new Float32Array(500 * 400)
    for (let k = 0; k < 32; k++) data.set(generator.randn(400), ((k * 37) % 500) * 400)
    const matrix = { data, rows: 500, columns: 400 }
    expect(rowSketch(matrix, 40).combinations).toMatchObject({ rows: 160, columns: 400 })
    const found = await truncatedSvd(matrix, { rank: 32 }, products)
    const kept = found!.singularValues.subarray(0, 32).reduce((sum, value) => sum + value ** 2, 0)
    expect(kept / found!.total).toBeGreaterThan(0.999999)
  })
})
