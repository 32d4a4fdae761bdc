import { expect, it } from 'vitest'
import { forecastInWords, gainRows, racesInWords } from '../../../../src-renderer/features/evaluate/search/search-words'

it('says what a search takes before it begins', () => {
  expect(forecastInWords({ ofTrial: 144, drawn: 0, all: 15_000 })).toBe(
    'A trial takes at most 144 runs of the network on one picture, the whole search 15,000 runs.',
  )
  expect(forecastInWords({ ofTrial: 1, drawn: 1, all: null })).toBe(
    'A trial takes at most 1 run of the network on one picture and draws 1 picture.',
  )
})

it('says what a race spared once something ended early', () => {
  const trial = (isStopped: boolean) => ({ index: 0, score: 1, isStopped, isBest: false })
  expect(racesInWords({ trials: [trial(false)], work: null })).toBe('')
  expect(racesInWords({ trials: [trial(false), trial(true)], work: { stopped: 1, measured: 60, units: 100 } })).toBe(
    '1 trial of 2 ended early, certainly worse than the best, which spared 40 % of the work.',
  )
})

it('tells layers with one gain in one line', () => {
  const layers = [
    { pattern: 'a', weight: 0.9 },
    { pattern: 'b', weight: 0.9 },
    { pattern: 'c', weight: 1.1 },
  ]
  expect(gainRows(layers)).toEqual([
    { layers: 'a and 1 more', gain: 0.9 },
    { layers: 'c', gain: 1.1 },
  ])
})
