import { expect, it } from 'vitest'
import type { FeatureDrift } from '../../../../src-main/contract/evaluate/drift'
import { driftPercent, driftSentence, farthest } from '../../../../src-renderer/features/evaluate/drift/drift-words'
import { unlearnedInWords } from '../../../../src-main/contract/evaluate/loss-words'

const layer = (name: string, alone: number | null, inside: number | null): FeatureDrift['layers'][number] => {
  return { layer: name, block: 'IN00', alone, inside }
}

it('says how far features are from what the method promises', () => {
  expect([0, 0.0000012, 0.000163, 0.0314, 0.31, 1.7, null].map(driftPercent)).toEqual(
    ['0 %', 'less than 0.001 %', '0.016 %', '3.1 %', '31 %', '170 %', 'not a number'].map((text) =>
      text.replace(' %', '\u00a0%'),
    ),
  )
  expect(driftSentence(layer('conv_in', 0.04, 0.31))).toContain(
    'differ from equation 20 by 4\u00a0% for the layer alone and by 31\u00a0% inside',
  )
  expect(driftSentence(layer('conv_in', 0.04, null))).toContain('not numbers')
})

it('knows the layer that drifts farthest: one without a number is beyond all', () => {
  const layers = [layer('a', 0, 0.2), layer('b', 0, 0.4), layer('c', 0, 0.1)]
  expect(farthest(layers)!.layer).toBe('b')
  expect(farthest([...layers, layer('d', 0, null)])!.layer).toBe('d')
  expect(farthest([])).toBeUndefined()
})

it('says what dropping a specialist did on its own domain, and when that is not significant', () => {
  const gain = {
    specialist: 'food',
    domain: 'food',
    before: { value: 0.1, interval: null },
    after: { value: 0.102, interval: null },
    kept: null,
  }
  const wordsOf = (low: number): string =>
    unlearnedInWords({ ...gain, difference: { value: 0.002, interval: { low, high: 0.003 } } }).replaceAll(
      '\u00a0',
      ' ',
    )
  expect(wordsOf(0.001)).toBe('Loss on food without it: +2.0 % (95 % interval: +1.0 % … +3.0 %).')
  expect(wordsOf(-0.001)).toContain('(95 % interval: −1.0 % … +3.0 %), not significant.')
})
