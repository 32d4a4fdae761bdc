import fc from 'fast-check'
import { expect, it } from 'vitest'
import { mergePoints, paretoFront, type MergePoint } from '../../../../src-main/contract/evaluate/front'

const point = fc.record({
  name: fc.string(),
  // Few values, so that points are often equal in one figure or in both.
  kept: fc.integer({ min: -3, max: 3 }),
  forgets: fc.integer({ min: -3, max: 3 }),
})
const surpasses = (a: MergePoint, b: MergePoint): boolean =>
  a.kept >= b.kept && a.forgets <= b.forgets && (a.kept > b.kept || a.forgets < b.forgets)

it('has the merges that no other one surpasses, and all others are surpassed by one of it', () => {
  fc.assert(
    fc.property(fc.array(point, { minLength: 1, maxLength: 12 }), (points) => {
      const front = paretoFront(points)
      expect(front.length).toBeGreaterThan(0)
      for (const one of front) expect(points.some((other) => surpasses(other, one))).toBe(false)
      for (const other of points)
        if (!front.includes(other)) expect(front.some((one) => surpasses(one, other))).toBe(true)
      front.slice(1).forEach((one, index) => expect(one.kept).toBeGreaterThanOrEqual(front[index]!.kept))
    }),
  )
})

it('is of merges that have both figures', () => {
  const place = { name: 'a', role: 'merge', keptPercent: 20, forgets: { value: 5, interval: null } } as const
  const places = [
    place,
    { ...place, forgets: null },
    { ...place, keptPercent: null },
    { ...place, role: 'base' as const },
  ]
  expect(mergePoints(places)).toEqual([{ name: 'a', kept: 20, forgets: 5 }])
})
