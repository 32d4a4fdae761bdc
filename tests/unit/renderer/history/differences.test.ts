import { describe, expect, it } from 'vitest'
import { fusionRequestSchema } from '../../../../src-main/contract/adapter-fusion'
import type { HistoryEntry } from '../../../../src-main/contract/history'
import { differencesOf } from '../../../../src-renderer/features/history/differences'
import { drawnEntry, evaluationEntry, merge, mergeEntry, withModel } from './entries'

const { method, output } = merge()
const { drawn } = drawnEntry()
const { written } = mergeEntry()

/** One change of an entry each, with how it is told. */
const CHANGES: [
  words: string,
  before: HistoryEntry,
  after: HistoryEntry,
  told: [string, string | null, string | null][],
][] = [
  ['a weight', mergeEntry(), mergeEntry({ merge: withModel('food', { weight: 0.3 }) }), [['food', '1', '0.3']]],
  [
    'a weight that differs in the sixth digit',
    mergeEntry({ merge: withModel('food', { weight: 0.123456 }) }),
    mergeEntry({ merge: withModel('food', { weight: 0.123457 }) }),
    [['food', '0.123456', '0.123457']],
  ],
  [
    'a dropped model',
    mergeEntry(),
    mergeEntry({ merge: withModel('food', { enabled: false }) }),
    [['food', '1', 'dropped']],
  ],
  [
    'a block',
    mergeEntry(),
    mergeEntry({ merge: withModel('sketch', { blocks: { IN05: 0 } }) }),
    [['sketch in IN05', null, '0']],
  ],
  [
    'layers',
    mergeEntry(),
    mergeEntry({ merge: withModel('sketch', { layers: [{ pattern: 'attn*', weight: 2 }] }) }),
    [['sketch: layers', null, 'attn*: 2']],
  ],
  [
    'a parameter',
    mergeEntry(),
    mergeEntry({ merge: merge({ method: { ...method, normaliser: 'paper' } }) }),
    // The threshold that holds by default depends on it.
    [
      ['Normaliser', 'aligned', 'paper'],
      ['Correlation threshold', 'auto', '0'],
    ],
  ],
  [
    'merged parts',
    mergeEntry(),
    mergeEntry({ merge: merge({ output: { ...output, include: ['unet', 'vae'] } }) }),
    [['Merged parts', 'none of these', 'VAE']],
  ],
  [
    'how adapters became one',
    mergeEntry({ fusion: fusionRequestSchema.parse({}) }),
    mergeEntry({
      fusion: fusionRequestSchema.parse({ fusion: { method: 'core-space', inner: 'ties' }, cut: 'rank', rank: 8 }),
    }),
    [['One LoRA', 'Sum and all ranks together', 'Core Space with TIES, density 0.5 and rank 8']],
  ],
  ['notes', mergeEntry(), mergeEntry({ written: { ...written, notes: 'mine' } }), [['Notes', null, 'mine']]],
  [
    'another file of the same name',
    mergeEntry({ merge: withModel('food', { sha256: '1'.repeat(64) }) }),
    mergeEntry({ merge: withModel('food', { sha256: '2'.repeat(64) }) }),
    [['food', '1111111111', '2222222222']],
  ],
  [
    'prompts and seeds',
    drawnEntry(),
    drawnEntry({ drawn: { ...drawn, prompts: ['apple', 'plum'], seeds: [1, 2, 3] } }),
    [
      ['Prompts', 'pear', 'plum'],
      ['Seeds', 'none of these', '3'],
    ],
  ],
  [
    'the order of prompts',
    drawnEntry(),
    drawnEntry({ drawn: { ...drawn, prompts: ['pear', 'apple'] } }),
    [['Prompts', 'apple and pear', 'pear and apple']],
  ],
  ['steps', drawnEntry(), drawnEntry({ drawn: { ...drawn, steps: 7 } }), [['Steps', '20', '7']]],
  ['the data', evaluationEntry(), evaluationEntry({ split: 'train' }), [['Split', 'held-out', 'train']]],
]

describe('what differs between two entries', () => {
  it.each(CHANGES)('tells %s with both values, and nothing else', (_words, before, after, told) => {
    const found = differencesOf(before, after)
    expect(found.map(({ label, a, b }) => [label, a, b])).toEqual(told)
    const back = differencesOf(after, before).map(({ label, a, b }) => [label, b, a])
    expect(back).toEqual(told)
  })

  it.each(CHANGES)('is nothing between an entry and itself: %s', (_words, before, after) => {
    for (const entry of [before, after]) expect(differencesOf(entry, structuredClone(entry))).toEqual([])
  })

  it('says nothing of what the methods do not use, and of what only one kind of entry has', () => {
    const other = mergeEntry({ merge: merge({ method: { ...method, density: 0.7 } }) })
    expect(differencesOf(mergeEntry(), other)).toEqual([])
    expect(differencesOf(mergeEntry(), drawnEntry())).toEqual([])
    expect(differencesOf(drawnEntry(), evaluationEntry())).toEqual([])
  })

  it('knows a model by its content wherever it lies, and takes no unknown hash for another one', () => {
    const sha256 = '1'.repeat(64)
    const before = mergeEntry({ merge: withModel('food', { sha256 }) })
    const moved = mergeEntry({ merge: withModel('food', { sha256, path: '/elsewhere/food' }) })
    expect(differencesOf(before, moved)).toEqual([])
    expect(differencesOf(before, mergeEntry())).toEqual([])
  })
})
