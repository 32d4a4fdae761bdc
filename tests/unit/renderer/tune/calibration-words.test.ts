import { expect, it } from 'vitest'
import type {
  CalibrationFile,
  CalibrationPlan,
  PlannedCalibration,
} from '../../../../src-main/contract/document/calibration'
import {
  asksForOther,
  fitOf,
  plannedWords,
  sourceWords,
} from '../../../../src-renderer/features/tune/calibration-words'

const planned: PlannedCalibration = {
  name: 'food',
  use: 'data',
  domains: ['food'],
  pictures: 12,
  timesteps: [7, 500],
  prompts: ['a falafel', 'a pie'],
  runs: 120,
  problem: null,
}
const source = { kind: 'data' as const, domains: ['food'], pictures: 12, timesteps: [7, 500] }
const file: CalibrationFile = {
  path: '/c.safetensors',
  bytes: 1,
  record: {
    format: 'featurefusion-calibration',
    version: 1,
    samples: 256,
    seed: 3,
    models: [{ name: 'food', sha256: ['a'], source }],
  },
  problem: null,
  models: [],
}
type Model = CalibrationFile['models'][number]
const fit = (...models: [name: string, fit: Model['fit'], needed: boolean][]) =>
  fitOf({ ...file, models: models.map(([name, own, needed]) => ({ name, fit: own, needed })) })

it('says what models run on', () => {
  expect(plannedWords(planned, false)).toBe('12 training pictures of food')
  expect(plannedWords({ ...planned, domains: ['a', 'b'] }, false)).toMatch(/of a and b, no domain of its name/)
  expect(plannedWords({ ...planned, domains: ['a', 'b', 'c', 'd'] }, true)).toBe('12 training pictures of 4 domains')
  expect(plannedWords({ ...planned, use: 'prompts' }, false)).toBe('while drawing 2 pictures')
  expect(sourceWords(source)).toBe('12 pictures of food, with noise at 2 timesteps from 7 to 500')
  const prompts = { kind: 'prompts' as const, prompts: ['a', 'b'], steps: 20, guidance: 5, scheduler: 'ddim' }
  expect(sourceWords(prompts)).toMatch(/2 pictures.*20 steps.*a · b/)
})

it('names the models that do not fit any more, and only those that the method needs', () => {
  expect(fit(['food', 'fits', true], ['b', 'absent', false], ['c', 'unknown', false]).state).toBe('fits')
  expect(fit(['food', 'changed', true], ['b', 'unknown', true])).toMatchObject({
    state: 'stale',
    words: expect.stringMatching(/^food has changed/),
  })
  expect(fit(['a', 'absent', true], ['b', 'absent', true]).words).toMatch(/^a and b were not among/)
  expect(fit(['food', 'unknown', false])).toMatchObject({ state: 'unknown', words: expect.stringMatching(/^food may/) })
  expect(fit(['b', 'unknown', true])).toMatchObject({ state: 'unknown', words: expect.stringContaining('name b') })
})

it('notices that other things were asked for than were learnt', () => {
  const plan = (change: Partial<PlannedCalibration> = {}): CalibrationPlan => ({
    models: [
      { ...planned, ...change },
      { ...planned, name: 'base', use: 'none' },
    ],
    bytes: 1,
    file,
  })
  const settings = { samples: 256, seed: 3 }
  expect(asksForOther(plan(), settings)).toBe(false)
  expect(asksForOther({ ...plan(), file: null }, { samples: 1, seed: 1 })).toBe(false)
  expect(asksForOther(plan(), { ...settings, samples: 512 })).toBe(true)
  for (const change of [
    { pictures: 6 },
    { timesteps: [507, 600] },
    { domains: ['b'] },
    { use: 'prompts' },
    { name: 'other' },
  ] as const)
    expect(asksForOther(plan(change as Partial<PlannedCalibration>), settings)).toBe(true)
})
