import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ChosenDomain } from '../../../../../src-main/engine/evaluate/data/splits'
import type { EvaluatedRow } from '../../../../../src-main/engine/evaluate/evaluation-run'
import { unitsOf, unitsOfShare } from '../../../../../src-main/engine/evaluate/shares/units'

const shares = (costs: readonly number[], count: number): number[][] => {
  const parts = costs.map((cost, place) => ({ cost, place }))
  return Array.from({ length: count }, (_, at) =>
    unitsOfShare(parts, { index: at + 1, count }).map(({ place }) => place),
  )
}

describe('the parts of shares', () => {
  it('are all parts, each once, in their order, and within a part of equal cost', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.1, max: 50, noNaN: true }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        (costs, count) => {
          const own = shares(costs, count)
          expect(own.flat()).toEqual(costs.map((_, place) => place))
          const fair = costs.reduce((sum, cost) => sum + cost, 0) / count
          for (const places of own) {
            const cost = places.reduce((sum, place) => sum + costs[place]!, 0)
            expect(cost).toBeLessThanOrEqual(fair + Math.max(...costs) * (1 + 1e-9))
          }
        },
      ),
    )
  })

  it('of equal cost differ by one at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 20 }), (parts, count) => {
        const sizes = shares(Array<number>(parts).fill(3), count).map(({ length }) => length)
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      }),
    )
  })
})

describe('the parts of an evaluation', () => {
  const domain = (name: string, pictures: number): ChosenDomain => ({
    name,
    pictures: Array.from({ length: pictures }, (_, index) => ({ index, picture: { caption: '', split: 'train' } })),
  })
  const [food, flat] = [domain('food', 4), domain('flat', 2)]
  const used = { search: [domain('food', 2), domain('flat', 1)], judged: [food, flat] }
  const row = (name: string, searchesScale = false): EvaluatedRow => ({
    ...{ name, role: 'merge', path: null, merge: null },
    ...(searchesScale && { searchesScale }),
  })
  const told = (drawnSteps: number, drawnRuns: number) =>
    unitsOf({ timesteps: [1, 2], drawnSteps }, [row('base'), row('ties', true)], used, drawnRuns).map(
      ({ name, cost }) => [name, cost],
    )

  it('are rows on domains, and whole rows whose scale is searched', () => {
    expect(told(0, 0)).toEqual([
      ['base on food', 8],
      ['base on flat', 4],
      ['ties', 12 + 5 * 6],
    ])
  })

  it('are whole rows where they draw', () => {
    expect(told(100, 0)).toEqual([
      ['base', 112],
      ['ties', 142],
    ])
    expect(told(0, 10).map(([, cost]) => cost)).toEqual([22, 52])
  })
})
