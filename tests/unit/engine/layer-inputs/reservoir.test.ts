import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reservoir } from '../../../../src-main/engine/layer-inputs/reservoir'

/** The items that stay, by their places. */
function kept(capacity: number, seed: number, passes: readonly number[]): number[] {
  const reservoir = new Reservoir(capacity, BigInt(seed))
  const places: number[] = []
  let before = 0
  for (const count of passes) {
    reservoir.pass(count, (item, place) => {
      expect(item).toBeGreaterThanOrEqual(0)
      expect(item).toBeLessThan(count)
      places[place] = before + item
    })
    before += count
  }
  expect(places.length).toBe(reservoir.size)
  return places
}

describe('a reservoir', () => {
  it('keeps different items, all while there is room, whatever way the stream is cut', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 8 }),
      fc.nat(),
      (capacity, passes, seed) => {
        const total = passes.reduce((sum, count) => sum + count, 0)
        const places = kept(capacity, seed, passes)
        expect(new Set(places).size).toBe(Math.min(capacity, total))
        expect(places).toEqual(kept(capacity, seed, [total]))
        if (total <= capacity) expect(places).toEqual([...Array(total).keys()])
      },
    )
    fc.assert(property)
  })

  it('gives every item the same chance', () => {
    const [capacity, total, runs] = [8, 64, 4000]
    const counts = new Float64Array(total)
    for (let seed = 0; seed < runs; seed++) for (const item of kept(capacity, seed, [total])) counts[item]!++
    const expected = (runs * capacity) / total
    const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    expect(chi).toBeLessThan(113) // 99.99 % of chi-squared with 63 degrees of freedom
    expect(chi).toBeGreaterThan(25)
  })
})
