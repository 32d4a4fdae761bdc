import { expect, it } from 'vitest'
import { gainText } from '../../../../src-main/contract/evaluate/search/aims'
import { searchRequestSchema, type SearchRequest } from '../../../../src-main/contract/evaluate/search/search'
import { searchForecast } from '../../../../src-main/contract/evaluate/search/search-forecast'
import { chosenCounts, scoreSettingsSchema } from '../../../../src-main/contract/evaluate/settings'

const drawing = scoreSettingsSchema.parse({ prompts: 2, seeds: 3, steps: 10, guidance: 7 })
const ask = (request: Partial<SearchRequest>) =>
  searchRequestSchema.parse({ strategy: 'cma-es', trials: 10, ...request })

it('counts runs of the network on one picture: one half chooses, the other judges', () => {
  // 3 + 1 pictures choose, 2 + 1 judge, at 4 timesteps.
  expect(searchForecast(ask({}), [5, 2], 4, drawing)).toEqual({ ofTrial: 16, drawn: 0, all: 10 * 16 + 2 * 16 + 4 * 12 })
  expect(searchForecast(ask({ strategy: 'greedy-once' }), [5, 2], 4, drawing).all).toBeNull()
})

it('counts what is drawn for scores, at most so many captions of each domain, twice with guidance', () => {
  const clip = { name: 'clip', factor: 1 } as const
  expect(searchForecast(ask({ aims: [clip] }), [5, 2], 4, drawing)).toMatchObject({ drawn: 9, ofTrial: 9 * 10 * 2 })
  const both = ask({ aims: [{ name: 'loss', factor: 1 }, clip] })
  expect(searchForecast(both, [5, 2], 4, drawing).ofTrial).toBe(16 + 180)
})

it('takes the pictures of the split, as many as are wanted', () => {
  const domains = [
    { name: 'a', heldOut: 4, train: 9 },
    { name: 'b', heldOut: 1, train: 2 },
  ]
  expect(chosenCounts(domains, { split: 'held-out', pictures: null })).toEqual([4, 1])
  expect(chosenCounts(domains, { split: 'all', pictures: 5 })).toEqual([5, 3])
})

it('refuses gains by a greedy soup, and an aim that is named twice', () => {
  const refused = [
    { strategy: 'greedy-once', space: 'gains' },
    {
      aims: [
        { name: 'loss', factor: 1 },
        { name: 'loss', factor: 2 },
      ],
    },
    { aims: [] },
    { aims: [{ name: 'clip', factor: 0 }] },
  ]
  for (const wrong of refused)
    expect(searchRequestSchema.safeParse({ strategy: 'cma-es', ...wrong }).success).toBe(false)
})

it('tells a gain with more being better, whatever is aimed at', () => {
  const paired = { mean: -0.002, standardError: 0.003, relative: -0.01 }
  expect(gainText(paired, [{ name: 'loss', factor: 1 }])).toBe('0.00200 (−0.00400 to 0.00800)')
  expect(gainText(paired, [{ name: 'clip', factor: 1 }])).toBe('0.002 (−0.004 to 0.008)')
})
