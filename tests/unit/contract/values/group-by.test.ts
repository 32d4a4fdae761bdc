import fc from 'fast-check'
import { expect, it } from 'vitest'
import { groupBy } from '../../../../src-main/contract/values/group-by'

it('holds every item once, under its key, in its order; keys as they came', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 30 })), (items) => {
      const groups = groupBy(items, (item) => item % 4)
      expect([...groups.keys()]).toEqual([...new Set(items.map((item) => item % 4))])
      for (const [key, group] of groups) expect(group).toEqual(items.filter((item) => item % 4 === key))
    }),
  )
})
