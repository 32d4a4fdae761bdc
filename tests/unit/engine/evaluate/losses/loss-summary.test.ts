import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bootstrap, mean, meanOf, quantile } from '../../../../../src-main/engine/evaluate/losses/bootstrap'
import { summariseLosses } from '../../../../../src-main/engine/evaluate/losses/loss-summary'
import type { LossTable, ModelLosses } from '../../../../../src-main/engine/evaluate/losses/loss-table'

const BASE = [
  [1, 2, 3, 4],
  [2, 2.5, 3],
]

/** Losses by domain and picture, the same at both timesteps but for a slope. */
const model = (name: string, role: ModelLosses['role'], losses: number[][]): ModelLosses => ({
  name,
  role,
  losses: losses.map((own) => own.map((loss) => [loss * 0.5, loss * 1.5])),
})

const scaled = (...factors: number[]): number[][] => BASE.map((own, i) => own.map((loss) => loss * factors[i]!))

function table(...models: ModelLosses[]): LossTable {
  const picture = { caption: '', split: 'held-out' }
  const domains = BASE.map((own, i) => ({
    name: `domain ${i}`,
    pictures: own.map((_, index) => ({ index, picture })),
  }))
  return { timesteps: [100, 900], domains, models: [model('base', 'base', BASE), ...models] }
}

describe('the summary of losses', () => {
  it('has means, curves, and domains that count the same', () => {
    const { models } = summariseLosses(table())
    const [base] = models
    expect(base!.domains.map(({ loss }) => loss.value)).toEqual([2.5, 2.5])
    expect(base!.mean.loss.value).toBe(2.5)
    expect(base!.curves[0]).toEqual([1.25, 3.75])
    expect(base!.mean.difference).toBeNull()
    expect(base!.domains[0]!.loss.interval!.low).toBeGreaterThanOrEqual(1)
    expect(base!.domains[0]!.loss.interval!.high).toBeLessThanOrEqual(4)
  })

  it('says how much of a gain is kept: 0 for the base, 100 for the specialist, in between for what is between', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 0.9, noNaN: true }),
        fc.double({ min: -0.5, max: 1.5, noNaN: true }),
        (gain, share) => {
          const specialist = model('one', 'specialist', scaled(1.1, 1 - gain))
          const merge = model('merge', 'merge', scaled(1, 1 - gain * share))
          const { models } = summariseLosses(table(specialist, merge, model('copy', 'merge', BASE)), { resamples: 100 })
          const [, own, between, copy] = models.map(({ kept }) => kept[0])
          expect(own).toMatchObject({ specialist: 'one', domain: 'domain 1' })
          expect(own!.percent.value).toBeCloseTo(100, 9)
          expect(copy!.percent.value).toBeCloseTo(0, 9)
          expect(between!.percent.value).toBeCloseTo(100 * share, 6)
          // Every picture keeps the same share, so the interval is a point.
          expect(between!.percent.interval!.low).toBeCloseTo(100 * share, 6)
          expect(between!.percent.interval!.high).toBeCloseTo(100 * share, 6)
        },
      ),
    )
  })

  it('takes the domain of the same name as a specialist’s own, else the one where it gains most', () => {
    const named = model('domain 0', 'specialist', scaled(0.9, 0.5))
    const other = model('other', 'specialist', scaled(0.9, 0.5))
    const { models } = summariseLosses(table(named, other))
    expect(models.slice(1).map(({ ownDomain }) => ownDomain)).toEqual(['domain 0', 'domain 1'])
  })

  it('keeps nothing of a specialist that does not measurably gain', () => {
    const worse = model('worse', 'specialist', scaled(1.1, 1.2))
    const noise = model('noise', 'specialist', [[0.5, 2.5, 2.8, 4.2], BASE[1]!.map((loss) => loss + 1)])
    const { models } = summariseLosses(table(worse, noise))
    expect(models.flatMap(({ kept, gains }) => [...kept, ...(gains ? [1] : [])])).toEqual([])
  })

  it('takes a model whose losses are no numbers for one that gains nothing', () => {
    const broken = model('broken', 'specialist', scaled(NaN, Infinity))
    const [, own] = summariseLosses(table(broken)).models
    expect(own).toMatchObject({ gains: false, ownDomain: 'domain 0', kept: [] })
    expect(own!.domains[0]!.loss).toEqual({ value: NaN, interval: null })
  })

  it('is the same for the same seed, and paired: a constant difference is certain', () => {
    const constant = model(
      'constant',
      'merge',
      BASE.map((own) => own.map((loss) => loss + 0.25)),
    )
    const first = summariseLosses(table(constant), { seed: 3 })
    expect(summariseLosses(table(constant), { seed: 3 })).toEqual(first)
    const { difference, loss } = first.models[1]!.mean
    expect(difference!.value).toBeCloseTo(0.25, 9)
    expect(difference!.interval!.high - difference!.interval!.low).toBeCloseTo(0, 9)
    expect(loss.interval!.high - loss.interval!.low).toBeGreaterThan(0.1)
    expect(() => summariseLosses({ ...table(), models: [] })).toThrow(/one base/)
  })
})

describe('the bootstrap', () => {
  it('covers the mean of a normal sample as often as it says, roughly', () => {
    const bootstrap = new Bootstrap({ resamples: 500, seed: 1 })
    // Deterministic normal scores: their mean's interval is ± 1.96 σ/√n, n a little large for n − 1.
    const values = Float64Array.from({ length: 200 }, (_, i) => {
      const u = (i + 0.5) / 200
      return Math.sqrt(2) * inverseErf(2 * u - 1)
    })
    const { low, high } = bootstrap.interval([{ place: 0, count: 200 }], ([drawn]) => meanOf(values, drawn!))!
    expect(high - low).toBeGreaterThan(0.85 * 2 * 1.96 * (1 / Math.sqrt(200)))
    expect(high - low).toBeLessThan(1.15 * 2 * 1.96 * (1 / Math.sqrt(200)))
    expect(mean([low, high])).toBeCloseTo(0, 1)
  })

  it('gives nothing for one picture', () => {
    expect(new Bootstrap().interval([{ place: 0, count: 1 }], () => 1)).toBeNull()
    expect(quantile([1, 2, 3, 5], 0.5)).toBe(2.5)
  })
})

/** Winitzki's approximation, good to 2·10⁻³. */
function inverseErf(x: number): number {
  const a = 0.147
  const log = Math.log(1 - x * x)
  const term = 2 / (Math.PI * a) + log / 2
  return Math.sign(x) * Math.sqrt(Math.sqrt(term * term - log / a) - term)
}
