import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  differenceInWords,
  exceedsTwoErrors,
  pairedDifference,
  pairedLosses,
  standardError,
} from '../../../../../src-main/engine/evaluate/compare/paired-difference'

/** Losses by domain and picture, the same at both timesteps but for a slope. */
const losses = (domains: readonly (readonly number[])[]) => ({
  losses: domains.map((own) => own.map((loss) => [loss * 0.5, loss * 1.5])),
})
const loss = fc.double({ min: 0.01, max: 2, noNaN: true })

describe('a difference of losses', () => {
  it('counts every domain the same, however many pictures it has', () => {
    const base = losses([
      [1, 1, 1, 1],
      [1, 1],
    ])
    const other = losses([
      [1.1, 1.1, 1.1, 1.1],
      [1.3, 1.3],
    ])
    const { mean, standardError: error, relative } = pairedLosses(other, base)
    expect(mean).toBeCloseTo(0.2, 12)
    expect(relative).toBeCloseTo(0.2, 12)
    expect(error).toBeCloseTo(0, 12)
  })

  it('is paired: what makes pictures hard does not count, and swapping models turns its sign', () => {
    fc.assert(
      fc.property(fc.array(fc.array(loss, { minLength: 2, maxLength: 5 }), { minLength: 1, maxLength: 4 }), (base) => {
        const worse = base.map((own) => own.map((value) => value + 0.25))
        const { mean, standardError: error } = pairedLosses(losses(worse), losses(base))
        expect(mean).toBeCloseTo(0.25, 9)
        expect(error).toBeCloseTo(0, 9)
        expect(pairedLosses(losses(base), losses(worse)).mean).toBeCloseTo(-0.25, 9)
      }),
    )
  })

  it('has the error of the plain mean where there is one domain', () => {
    const values = [0.3, -0.1, 0.25, 0.05]
    const base = [1, 2, 3, 4]
    const { mean, standardError: error } = pairedLosses(
      losses([base.map((value, i) => value + values[i]!)]),
      losses([base]),
    )
    const plain = pairedDifference(values, [0, 0, 0, 0])
    expect(mean).toBeCloseTo(plain.mean, 12)
    expect(error).toBeCloseTo(standardError(values), 12)
    expect(error).toBeCloseTo(plain.standardError, 12)
  })

  it('is not certain because there is one picture alone of each domain, or one at all', () => {
    const spread = pairedLosses(losses([[1.5], [0.6]]), losses([[1], [1]]))
    expect(spread.standardError).toBeCloseTo(0.45, 12)
    expect(exceedsTwoErrors(spread)).toBe(false)
    expect(exceedsTwoErrors(pairedLosses(losses([[1.5]]), losses([[1]])))).toBe(false)
    expect(exceedsTwoErrors(pairedLosses(losses([[1.5, 1.5]]), losses([[1, 1]])))).toBe(true)
  })

  it('is certain beyond two standard errors, to either side', () => {
    for (const sign of [1, -1]) {
      expect(exceedsTwoErrors({ mean: sign * 0.021, standardError: 0.01, relative: 0 })).toBe(true)
      expect(exceedsTwoErrors({ mean: sign * 0.02, standardError: 0.01, relative: 0 })).toBe(false)
    }
  })

  it('is said in per cent of the other loss', () => {
    expect(differenceInWords({ mean: -0.001, standardError: 0.0005, relative: -0.01 })).toBe('−1.00 % ± 0.50')
    expect(differenceInWords({ mean: 0.002, standardError: 0.0005, relative: 0.01 })).toBe('+1.00 % ± 0.25')
    expect(differenceInWords({ mean: 0, standardError: 0, relative: 0 })).toBe('0.00 % ± 0.00')
  })
})

describe('a paired difference', () => {
  it('has the mean and standard error of the differences', () => {
    const { mean, standardError, relative, count } = pairedDifference([1, 2, 4], [1, 1, 1])
    expect(mean).toBeCloseTo(4 / 3, 12)
    expect(standardError).toBeCloseTo(Math.sqrt(7 / 9), 12)
    expect(relative).toBeCloseTo(4 / 3, 12)
    expect(count).toBe(3)
  })
})
