import { expect, it } from 'vitest'
import { aimsOf } from '../../../../src-main/cli/options/aims-option'
import { aimedText, aimsInWords } from '../../../../src-main/contract/evaluate/search/aims'

it('reads what a search aims at', () => {
  expect(aimsOf('loss')).toEqual([{ name: 'loss', factor: 1 }])
  expect(aimsOf('image-reward')).toEqual([{ name: 'image-reward', factor: 1 }])
  const sum = aimsOf('loss=1, clip=0.02')
  expect(sum).toEqual([
    { name: 'loss', factor: 1 },
    { name: 'clip', factor: 0.02 },
  ])
  expect(aimsInWords(sum)).toBe('1 × loss − 0.02 × CLIP score')
  expect(aimsInWords(aimsOf('hps=2,loss'))).toBe('− 2 × HPS v2 + 1 × loss')
  expect(aimsInWords(aimsOf('pick-score=1,image-reward=2'))).toBe('1 × PickScore + 2 × ImageReward')
  // Alone a factor would only change the unit.
  expect(aimsOf('clip=0.5')).toEqual([{ name: 'clip', factor: 1 }])
})

it('tells what was found in the units of the aims: scores are not negated', () => {
  expect(aimedText(0.1234567, aimsOf('loss'))).toBe('0.12346')
  expect(aimedText(-24.3123, aimsOf('clip'))).toBe('24.312')
  expect(aimedText(1.5, aimsOf('pick-score=1,image-reward=2'))).toBe('−1.5000')
  expect(aimedText(-0.5, aimsOf('loss=1,clip=0.02'))).toBe('−0.50000')
})

it.each(['', 'beauty', 'loss=', 'loss=x', 'loss=0', 'clip=-1', 'loss=1=2', 'clip,clip', 'loss,', 'loss=Infinity'])(
  'refuses %j',
  (text) => {
    expect(() => aimsOf(text)).toThrow()
  },
)
