import { expect, it } from 'vitest'
import { aimsOf } from '../../../src-main/cli/options/aims-option'
import { aimsInWords } from '../../../src-main/contract/evaluate/aims'

it('reads what a search aims at', () => {
  expect(aimsOf('loss')).toEqual([{ name: 'loss', factor: 1 }])
  expect(aimsOf('image-reward')).toEqual([{ name: 'image-reward', factor: 1 }])
  const sum = aimsOf('loss=1, clip=0.02')
  expect(sum).toEqual([
    { name: 'loss', factor: 1 },
    { name: 'clip', factor: 0.02 },
  ])
  expect(aimsInWords(sum)).toBe('1 × loss − 0.02 × CLIP score')
})

it.each(['', 'beauty', 'loss=', 'loss=x', 'loss=0', 'clip=-1', 'loss=1=2', 'clip,clip', 'loss,', 'loss=Infinity'])(
  'refuses %j',
  (text) => {
    expect(() => aimsOf(text)).toThrow()
  },
)
