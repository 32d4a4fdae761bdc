import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keepEqual } from '../../../src-renderer/shared/keep-equal'

describe('keepEqual', () => {
  it('says what next says, whatever was before', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (before, next) => {
        expect(keepEqual(before, next)).toEqual(next)
      }),
    )
  })

  it('is the value from before where both are equal', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(keepEqual(value, structuredClone(value))).toBe(value)
      }),
    )
  })

  it('keeps the parts that did not change', () => {
    const before = {
      models: [
        { name: 'a', blocks: { M00: 1 } },
        { name: 'b', weight: 1 },
      ],
      method: { scale: 1 },
    }
    const next = structuredClone(before)
    next.models[1]!.weight = 2
    const kept = keepEqual(before, next)
    expect(kept).toEqual(next)
    expect(kept.models).not.toBe(before.models)
    expect(kept.models[0]).toBe(before.models[0])
    expect(kept.method).toBe(before.method)
  })

  it('sees keys that are gone, new, or only undefined', () => {
    for (const [before, next] of [
      [{ a: 1, b: 2 }, { a: 1 }],
      [{ a: 1 }, { a: 1, b: 2 }],
      [{ a: undefined }, { b: undefined }],
      [[1, 2], [1]],
      [[], {}],
    ] as const) {
      expect(keepEqual(before, next)).toStrictEqual(next)
    }
  })
})
