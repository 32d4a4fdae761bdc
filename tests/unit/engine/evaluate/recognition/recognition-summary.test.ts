import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { meanOfEstimates } from '../../../../../src-main/engine/evaluate/losses/bootstrap'
import {
  shareWithInterval,
  summariseRecognition,
} from '../../../../../src-main/engine/evaluate/recognition/recognition-summary'
import { nearestReference } from '../../../../../src-main/engine/evaluate/recognition/reference-pictures'

const picture = (domain: string, caption: string) => ({ domain, caption })
const references = [picture('food', 'taco'), picture('food', 'pizza'), picture('food', 'taco'), picture('cars', 'bus')]
const prompts = [picture('food', 'taco'), picture('food', 'pizza'), picture('cars', 'bus')]

describe('what is recognised', () => {
  it('is what is nearest to any reference of its own caption; the rest is confused, the most frequent first', () => {
    const nearest = [0, 2, 0, 0, 1, null]
    const drawn = { prompts, seeds: 2, references }
    const { domains, mean, confusions } = summariseRecognition(drawn, { name: 'm', role: 'merge', nearest })
    expect(domains.map(({ value }) => value)).toEqual([0.5, 0])
    // One caption alone says nothing of others.
    expect(domains.map(({ interval }) => interval === null)).toEqual([false, true])
    expect(mean).toEqual({ value: 0.25, interval: null })
    expect(confusions).toEqual([
      { ...prompts[1], as: references[0], pictures: 2 },
      { ...prompts[2], as: references[1], pictures: 1 },
      { ...prompts[2], as: null, pictures: 1 },
    ])
  })

  it('has every picture once: recognised, or among the confusions', () => {
    const place = fc.option(fc.nat(references.length - 1))
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(place, { minLength: 12, maxLength: 12 }),
        (seeds, places) => {
          const nearest = places.slice(0, prompts.length * seeds)
          const model = summariseRecognition({ prompts, seeds, references }, { name: 'm', role: 'base', nearest })
          const [food, cars] = model.domains.map(({ value }) => value)
          const confused = model.confusions.reduce((sum, { pictures }) => sum + pictures, 0)
          expect((2 * food! + cars!) * seeds + confused).toBeCloseTo(prompts.length * seeds, 9)
        },
      ),
    )
  })
})

describe('the interval of a share', () => {
  it('is Wilson’s, as statsmodels has it', () => {
    // statsmodels.stats.proportion.proportion_confint(k, n, method='wilson')
    for (const [hits, count, low, high] of [
      [0, 12, 0, 0.24249],
      [6, 12, 0.253779, 0.746221],
      [11, 12, 0.646126, 0.98513],
    ] as const) {
      const shares = Array.from({ length: count }, (_, index) => Number(index < hits))
      const { value, interval } = shareWithInterval(shares)
      expect(value).toBeCloseTo(hits / count, 12)
      expect(interval!.low).toBeCloseTo(low, 4)
      expect(interval!.high).toBeCloseTo(high, 4)
    }
  })

  it('holds the share, within 0 and 1; that of a mean is narrower than the widest', () => {
    const share = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 30 })
    fc.assert(
      fc.property(fc.array(share, { minLength: 1, maxLength: 8 }), (domains) => {
        const shares = domains.map(shareWithInterval)
        const widths = [...shares, meanOfEstimates(shares)].map(({ value, interval }) => {
          expect(interval!.low).toBeLessThanOrEqual(value + 1e-12)
          expect(interval!.high).toBeGreaterThanOrEqual(value - 1e-12)
          expect(interval!.low).toBeGreaterThanOrEqual(-1e-12)
          expect(interval!.high).toBeLessThanOrEqual(1 + 1e-12)
          return interval!.high - interval!.low
        })
        expect(widths.at(-1)!).toBeLessThanOrEqual(Math.max(...widths.slice(0, -1)) + 1e-9)
      }),
    )
  })
})

it('finds the nearest reference, the first of equals, and none for what is no picture', () => {
  const points = [
    [0, 0],
    [3, 4],
    [0, 0],
    [10, 0],
  ]
  expect(nearestReference([1, 1], points)).toBe(0)
  expect(nearestReference([9, 1], points)).toBe(3)
  expect(nearestReference([NaN, 1], points)).toBeNull()
  expect(nearestReference([Infinity, 1], points)).toBeNull()
})
