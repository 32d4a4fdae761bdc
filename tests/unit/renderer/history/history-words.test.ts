import { expect, it } from 'vitest'
import { entrySentence } from '../../../../src-main/contract/history-words'
import { byDay } from '../../../../src-renderer/features/history/history-words'
import { drawnEntry, evaluationEntry, merge, mergeEntry, withModel } from './entries'

it('tells an entry in a sentence', () => {
  expect(entrySentence(mergeEntry())).toBe('FeatureFusion of 3, aligned, each 1 → merged.safetensors')
  const weighed = withModel('food', { weight: 0.25 })
  expect(entrySentence(mergeEntry({ merge: weighed }))).toBe(
    'FeatureFusion of 3, aligned, base 1, food 0.25, sketch 1 → merged.safetensors',
  )
  const { method } = merge()
  const ties = { ...withModel('food', { enabled: false }), method: { ...method, name: 'ties' as const } }
  // TIES does not weigh the base.
  expect(entrySentence(mergeEntry({ merge: ties }))).toBe(
    'TIES of 2, density 0.5, scale 1, sketch 1 → merged.safetensors',
  )
  expect(entrySentence(drawnEntry())).toBe('4 pictures: “apple” and 1 other prompt, seeds 1, 2')
  const labels = { x: ['food 0', 'food 0.5', 'food 1'], y: ['seed 1', 'seed 2'], z: [''] }
  expect(entrySentence(drawnEntry({ kind: 'grid', count: 6, labels }))).toBe(
    'Grid of 6 pictures: food 0 … food 1 × seed 1 … seed 2',
  )
  expect(entrySentence(evaluationEntry())).toBe('Methods compared: TIES wins.')
})

it('groups entries by day, in their order', () => {
  const now = new Date(2026, 10, 30, 12).getTime()
  const times = [
    [30, 11],
    [30, 1],
    [29, 23],
    [3, 9],
  ].map(([day, hour]) => new Date(2026, 10, day, hour).getTime())
  const days = byDay(
    times.map((time) => mergeEntry({ time })),
    now,
  )
  expect(days.map(({ day, entries }) => [day, entries.length])).toEqual([
    ['Today', 2],
    ['Yesterday', 1],
    ['3 November 2026', 1],
  ])
})
