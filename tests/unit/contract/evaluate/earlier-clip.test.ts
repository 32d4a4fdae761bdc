import { expect, it } from 'vitest'
import { evaluationResultsSchema, EMPTY_RESULTS } from '../../../../src-main/contract/evaluate/results'
import { evaluationSettingsSchema } from '../../../../src-main/contract/evaluate/settings'
import { evaluationRecordSchema } from '../../../../src-main/contract/history'
import { mergeSettingsSchema } from '../../../../src-main/contract/document/merge-settings'

const cell = { score: { value: 24, standardError: 0.5 }, difference: null }
const clip = {
  job: 'a job',
  time: 1,
  key: 'a key',
  models: [{ name: 'base', path: '/base' }],
  folder: '/data',
  split: 'held-out',
  settings: { model: '/clip', prompts: 4, seeds: 2, steps: 20, guidance: 7.5 },
  rows: [{ name: 'base', role: 'base', words: '', recipe: null, error: null }],
  domains: [{ name: 'food', prompts: 2 }],
  scores: [
    { name: 'base', role: 'base', domains: [cell], mean: { ...cell, score: { value: 24, standardError: null } } },
  ],
  done: true,
}

it('opens CLIP scores that an earlier version kept', () => {
  const { scores, ...others } = evaluationResultsSchema.parse({ table: null, comparison: null, search: null, clip })
  expect({ ...others, scores: null }).toEqual(EMPTY_RESULTS)
  expect(scores).toMatchObject({ job: 'a job', done: true, settings: { promptFile: null, prompts: 4, seeds: 2 } })
  expect(scores!.scores).toEqual([
    {
      scorer: 'clip',
      best: [],
      models: [
        {
          name: 'base',
          role: 'base',
          domains: [{ score: { value: 24, interval: { low: 23, high: 25 } }, difference: null }],
          mean: { score: { value: 24, interval: null }, difference: null },
        },
      ],
    },
  ])
  const broken = { ...EMPTY_RESULTS, clip: { ...clip, scores: 'none' } }
  expect(evaluationResultsSchema.parse({ ...broken, scores: undefined })).toEqual(EMPTY_RESULTS)
  // Its own results say more.
  const own = evaluationResultsSchema.parse({ ...EMPTY_RESULTS, scores })
  expect(own.scores).toEqual(scores)
})

it('opens the CLIP settings of an earlier project, and its history', () => {
  const earlier = evaluationSettingsSchema.parse({ clip: { model: '/clip', prompts: 3, seeds: 1 }, draws: true })
  expect(earlier.scorers).toMatchObject({ clip: '/clip', hps: null })
  expect(earlier.scores).toMatchObject({ promptFile: null, prompts: 3, seeds: 1, steps: 20 })
  expect(earlier.draws).toBe(true)
  expect(evaluationSettingsSchema.parse(earlier)).toEqual(earlier)
  expect(evaluationSettingsSchema.parse({ clip: { model: null } }).scorers.clip).toBeNull()
  expect(() => evaluationSettingsSchema.parse({ clip: { model: '/clip', other: 1 } })).toThrow()
  const merge = mergeSettingsSchema.parse({ models: [], method: { name: 'soup' }, output: { include: ['unet'] } })
  const record = { kind: 'evaluation', id: 'a', time: 1, part: 'clip', merge, folder: '/f', split: 'all', verdict: 'v' }
  expect(evaluationRecordSchema.parse(record).part).toBe('scores')
})
