import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MOST_SCALES, searchScale } from '../../../../../src-main/engine/evaluate/compare/scale-search'

const search = async (start: number, lossOf: (scale: number) => number, isAllowed = (_: number) => true) => {
  const tried: number[] = []
  const found = await searchScale(
    start,
    (scale) => {
      tried.push(scale)
      return Promise.resolve(lossOf(scale))
    },
    isAllowed,
  )
  return { ...found, scales: tried }
}

describe('the search for a scale', () => {
  it('finds the vertex where the loss is a parabola of the logarithm, from either side', async () => {
    const from = { min: Math.log(0.3), max: Math.log(3), noNaN: true }
    await fc.assert(
      fc.asyncProperty(fc.double(from), fc.double(from), async (start, best) => {
        const lossOf = (scale: number): number => 1 + (Math.log(scale) - best) ** 2
        const { scale, tried, scales } = await search(Math.exp(start), lossOf)
        expect(tried).toBe(new Set(scales).size)
        expect(scales).toHaveLength(tried)
        expect(tried).toBeLessThanOrEqual(MOST_SCALES)
        // Scales have three digits. From 0.3 to 3 are more steps than a search has.
        if (tried < MOST_SCALES) expect(Math.abs(Math.log(scale) - best)).toBeLessThan(0.02)
        else expect(lossOf(scale)).toBeLessThanOrEqual(lossOf(scales[0]!))
      }),
    )
  })

  it('goes away from scales that ruin the network, and does not leave what a method takes', async () => {
    const ruined = await search(1, (scale) => (scale > 0.5 ? Infinity : scale < 0.2 ? 3 : 1 + scale))
    expect(ruined.scale).toBeLessThan(0.5)
    const bounded = await search(
      1,
      (scale) => -scale,
      (scale) => scale <= 2,
    )
    expect(bounded.scale).toBe(1.5)
    const flat = await search(0.7, () => 1)
    expect(flat).toMatchObject({ scale: 0.7, tried: 3 })
  })
})
