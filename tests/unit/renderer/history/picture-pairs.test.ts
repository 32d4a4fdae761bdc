import { expect, it } from 'vitest'
import type { Picture } from '../../../../src-main/contract/preview'
import { picturePairs } from '../../../../src-renderer/features/history/picture-pairs'
import { drawnEntry, mergeEntry } from './entries'

function picture(id: string, change: Partial<Picture['settings']> = {}, cell: Picture['cell'] = null): Picture {
  const variant = change.variant ?? { type: 'merge' as const }
  const settings = { prompt: 'apple', negativePrompt: '', seed: 1, steps: 20, guidance: 7.5, scheduler: 'ddim' }
  return {
    ...{ id, job: 'job', time: 1, width: 64, height: 64, url: id, sources: [], cell },
    merge: variant.type === 'base' ? null : 'text',
    settings: { ...settings, ...change, variant },
  }
}

const idsOf = (pairs: ReturnType<typeof picturePairs>) => pairs.map(({ a, b }) => [a.id, b.id])

it('pairs pictures of the same prompt, seed and model, each once, merges first', () => {
  const base = { variant: { type: 'base' as const } }
  const a = { entry: drawnEntry(), pictures: [picture('a1', base), picture('a2'), picture('a3', { seed: 2 })] }
  const b = { entry: drawnEntry(), pictures: [picture('b1', base), picture('b2'), picture('b3', { prompt: 'pear' })] }
  const pairs = picturePairs(a, b)
  expect(idsOf(pairs)).toEqual([
    ['a2', 'b2'],
    ['a1', 'b1'],
  ])
  expect(pairs.map(({ words }) => words)).toEqual(['apple · seed 1', 'base · apple · seed 1'])
  expect(picturePairs(a, a)).toEqual([])
})

it('takes what the weights of an export drew for its merge, whatever they were called then', () => {
  const without = { variant: { type: 'without' as const, name: 'food' } }
  const a = { entry: mergeEntry(), pictures: [picture('newest', without), picture('older')] }
  expect(idsOf(picturePairs(a, { entry: drawnEntry(), pictures: [picture('b')] }))).toEqual([['newest', 'b']])
})

it('pairs cells of two grids by their labels', () => {
  const cell = (label: string) => ({ x: 0, y: 0, z: 0, label })
  const entry = drawnEntry({ kind: 'grid' })
  const a = { entry, pictures: [picture('a0', {}, cell('food 0')), picture('a1', {}, cell('food 1'))] }
  const b = { entry, pictures: [picture('b1', {}, cell('food 1')), picture('b2', {}, cell('food 2'))] }
  expect(idsOf(picturePairs(a, b))).toEqual([['a1', 'b1']])
})
