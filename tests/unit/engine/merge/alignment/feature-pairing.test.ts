import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { MatrixProducts, type Matrix } from '../../../../../src-main/engine/linear-algebra/matrix-products'
import { featureCorrelations, pairFeatures } from '../../../../../src-main/engine/merge/alignment/feature-pairing'
import { noise } from '../../tensor/inputs'

const products = new MatrixProducts('cpu', 1)
afterAll(() => products.release())

const SIZE = 12
const SAMPLES = 60

/** Features [2 · size, samples]: a model's own, then those of another that has them in another order. */
function shuffled(order: (feature: number) => number): Matrix {
  const own = noise(SIZE * SAMPLES, 7)
  const data = new Float64Array(2 * SIZE * SAMPLES)
  data.set(own)
  for (let feature = 0; feature < SIZE; feature++) {
    const from = order(feature) * SAMPLES
    // Another scale and mean changes no correlation.
    for (let k = 0; k < SAMPLES; k++) data[(SIZE + feature) * SAMPLES + k] = 3 * own[from + k]! - 1
  }
  return { data, rows: 2 * SIZE, columns: SAMPLES }
}

describe('pairing features', () => {
  it('pairs every feature with the same one of the other model, in whichever order that has them', async () => {
    const order = (feature: number): number => (feature * 5 + 3) % SIZE
    const correlations = await featureCorrelations(shuffled(order), products)
    const groups = pairFeatures(correlations, 2, { repeat: 0.3, within: 0.1 })
    const expected = Array.from({ length: SIZE }, (_, feature) => [
      feature,
      SIZE + [...Array(SIZE).keys()].find((other) => order(other) === feature)!,
    ])
    expect(groups).toEqual(expected)
  })

  it('keeps every feature of two models in exactly one group', () => {
    const settings = fc.record({
      repeat: fc.constantFrom(1e-4, 0.3, 1),
      within: fc.constantFrom(0, 0.075, 0.5, 1),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer(), settings, (size, seed, pairing) => {
        const total = 2 * size
        const values = noise(total * total, Math.abs(seed))
        const data = Float64Array.from({ length: total * total }, (_, at) => {
          const [i, j] = [Math.floor(at / total), at % total]
          return Math.tanh(values[Math.min(i, j) * total + Math.max(i, j)]!)
        })
        const groups = pairFeatures({ data, rows: total, columns: total }, 2, pairing)
        expect(groups).toHaveLength(size)
        expect(groups.flat().sort((a, b) => a - b)).toEqual([...Array(total).keys()])
      }),
    )
  })

  it('counts a feature that never changes as alike to none', async () => {
    const data = Float64Array.from(noise(4 * 8, 2)).fill(1, 8, 16)
    const { data: found } = await featureCorrelations({ data, rows: 4, columns: 8 }, products)
    expect([...found.subarray(4, 8)]).toEqual([0, 0, 0, 0])
  })
})
