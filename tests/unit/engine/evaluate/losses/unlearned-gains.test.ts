import { describe, expect, it } from 'vitest'
import { summariseLosses } from '../../../../../src-main/engine/evaluate/losses/loss-summary'
import type { LossTable, ModelLosses } from '../../../../../src-main/engine/evaluate/losses/loss-table'
import {
  unlearnedGains,
  unlearningLossesOf,
  unlearningPairs,
} from '../../../../../src-main/engine/evaluate/losses/unlearned-gains'

const picture = { caption: '', split: 'held-out' }
const DOMAINS = ['food', 'travel']
const model = (name: string, role: ModelLosses['role'], ...factors: number[]): ModelLosses => ({
  name,
  role,
  losses: factors.map((factor) => [1, 2, 3].map((loss) => [loss * factor])),
})
const table = (...models: ModelLosses[]): LossTable => ({
  timesteps: [500],
  domains: DOMAINS.map((name) => ({ name, pictures: [0, 1, 2].map((index) => ({ index, picture })) })),
  models: [model('base', 'base', 1, 1), ...models],
})

describe('what dropping a specialist did', () => {
  const all = table(
    model('food', 'specialist', 0.5, 1.2),
    model('with', 'merge', 0.6, 1.1),
    model('without', 'merge', 0.9, 1),
  )

  it('is told on its own domain: losses, their difference, and what is kept of its gain', () => {
    const [gain] = unlearnedGains(all, summariseLosses(all), [{ specialist: 'food', before: 'with', after: 'without' }])
    expect(gain!.domain).toBe('food')
    expect(gain!.before.value).toBeCloseTo(1.2, 12)
    expect(gain!.after.value).toBeCloseTo(1.8, 12)
    expect(gain!.difference.value).toBeCloseTo(0.6, 12)
    expect(gain!.difference.interval!.low).toBeGreaterThan(0)
    expect(gain!.kept!.before.value).toBeCloseTo(80, 9)
    expect(gain!.kept!.after.value).toBeCloseTo(20, 9)
  })

  it('is told where the loss rises most, if nothing says which domain is its own', () => {
    const some = table(model('with', 'merge', 1, 0.6), model('without', 'merge', 1, 0.9))
    const pairs = [{ specialist: 'unknown', before: 'with', after: 'without' }]
    expect(unlearnedGains(some, summariseLosses(some), pairs)).toMatchObject([{ domain: 'travel', kept: null }])
  })

  it('is told for every domain, and with an interval on its own', () => {
    const three = table(model('with', 'merge', 0.6, 1.1), model('without', 'merge', 0.9, 1))
    const { domains, gain } = unlearningLossesOf(three, 'food')
    expect(domains.map(({ domain, pictures }) => [domain, pictures])).toEqual([
      ['food', 3],
      ['travel', 3],
    ])
    const [food, travel] = domains.map(({ base, before, after }) => [base, before, after])
    expect(food).toEqual([2, expect.closeTo(1.2, 12), expect.closeTo(1.8, 12)])
    expect(travel).toEqual([2, expect.closeTo(2.2, 12), 2])
    expect(gain).toMatchObject({ specialist: 'food', domain: 'food' })
    expect(gain.difference.interval!.low).toBeGreaterThan(0)
  })

  it('waits for both merges', () => {
    const pairs = [{ specialist: 'food', before: 'with', after: 'missing' }]
    expect(unlearnedGains(all, summariseLosses(all), pairs)).toEqual([])
  })
})

describe('merges that differ by one specialist', () => {
  const recipe = (settings: object, ...names: string[]): unknown => ({
    method: 'featurefusion',
    settings,
    models: ['base', 'food', 'travel'].map((name) => ({ name, enabled: names.includes(name), weight: 1 })),
    components: ['unet'],
    dtype: 'same',
    vae: null,
    calibration: null,
  })

  it('are found by their recipes', () => {
    const merges = [
      { name: 'one', recipe: recipe({ reuse: true }, 'travel') },
      { name: 'both', recipe: recipe({}, 'food', 'travel') },
      { name: 'neither', recipe: recipe({}) },
      { name: 'another way', recipe: recipe({ normaliser: 'paper' }, 'food') },
      { name: 'of another program', recipe: 'a1111' },
    ]
    expect(unlearningPairs(merges)).toEqual([
      { specialist: 'travel', before: 'one', after: 'neither' },
      { specialist: 'food', before: 'both', after: 'one' },
    ])
  })
})
