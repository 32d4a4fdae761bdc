import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evenPlaces } from '../../../../../src-main/engine/merge/plan/calibration/recorded-runs'

/** How often each of so many places of a period is taken. */
function timesTaken(period: number, total: number, taken: number): number[] {
  const times = new Array<number>(period).fill(0)
  for (const place of evenPlaces(total, taken)) times[place % period]!++
  return times
}

describe('runs that are taken of those that were recorded', () => {
  it('are one of each stretch', () => {
    const numbers = fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1000 }))
    fc.assert(
      fc.property(numbers, ([total, most]) => {
        const taken = Math.min(total, most)
        const places = evenPlaces(total, taken)
        expect(places).toHaveLength(taken)
        places.forEach((place, stretch) => {
          expect(place).toBeGreaterThanOrEqual(Math.floor((stretch * total) / taken))
          expect(place).toBeLessThan(Math.floor(((stretch + 1) * total) / taken))
        })
      }),
    )
  })

  it.each([
    ['12 prompts, without and with them, at 20 steps', 24, 480],
    ['24 pictures at ten timesteps', 10, 240],
    ['60 pictures at ten timesteps', 10, 600],
  ])('are of all prompts and timesteps alike: %s', (_, period, total) => {
    const each = 120 / period
    for (const times of timesTaken(period, total, 120)) {
      expect(times).toBeGreaterThanOrEqual(each - 2)
      expect(times).toBeLessThanOrEqual(each + 2)
    }
  })
})
