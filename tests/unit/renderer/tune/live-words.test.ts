import { expect, it } from 'vitest'
import type { LiveState } from '../../../../src-main/contract/preview'
import { costWords, feedingWords, isSettled, stageWords } from '../../../../src-renderer/features/live/live-words'

const shown: LiveState = {
  stage: 'shown',
  progress: 1,
  feeding: null,
  contributions: null,
  summed: { tensors: 14, of: 262, seconds: 0.03 },
  seconds: 0.42,
  steps: 20,
  pictures: [{ prompt: 'a falafel', seed: 1, url: 'files/live/a/0-20.png' }],
  current: true,
  error: null,
}

it('says what a change cost', () => {
  expect(stageWords(shown)).toBe('drawn with 20 steps')
  expect(costWords(shown)).toBe('summed 14 of 262 tensors in 0.03 s · first pictures after 0.42 s')
  expect(costWords({ ...shown, summed: null, seconds: null })).toBe('')
})

it('says what contributions take, once they are known', () => {
  const computing: LiveState = { ...shown, stage: 'contributions', progress: 0.12 }
  expect(stageWords(computing)).toBe('computing contributions, 12\u00a0% (once per set of models)')
  expect(stageWords({ ...computing, contributions: { bytes: 6.9e9, missingBytes: 6.9e9 } })).toBe(
    'computing contributions, 12\u00a0% (once per set of models; about 6.9 GB on disk)',
  )
})

it('says how weights reach the network, what that costs and why', () => {
  const fed = { mode: 'fed', fedSeconds: 0, rebuiltSeconds: 12, reason: null } as const
  expect(feedingWords(fed)).toBe('weights are fed into the loaded network')
  expect(feedingWords({ ...fed, fedSeconds: 1.25 })).toBe(
    'weights are fed into the loaded network: about 1.3 s more per change, instead of about 12 s',
  )
  expect(feedingWords({ ...fed, mode: 'rebuilt', fedSeconds: 40 })).toBe(
    'the network is rebuilt for every change: about 12 s instead of 40 s fed',
  )
  const reason = 'More than the UNet is merged.'
  expect(feedingWords({ mode: 'rebuilt', fedSeconds: null, rebuiltSeconds: 0.5, reason })).toBe(
    'the network is rebuilt for every change: about 0.50 s. More than the UNet is merged.',
  )
})

it('calls a grid settled only when all of it shows the project as it is', () => {
  expect(isSettled(shown)).toBe(true)
  expect(isSettled({ ...shown, current: false })).toBe(false)
  expect(isSettled({ ...shown, stage: 'drawing' })).toBe(false)
  expect(isSettled({ ...shown, pictures: [...shown.pictures, { prompt: 'b', seed: 1, url: null }] })).toBe(false)
})
