import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { distinctNames } from '../../../src-renderer/shared/names/distinct-names'
import { shortText } from '../../../src-renderer/shared/names/short-names'

/** What at least is seen of a name in two narrow lines. */
const SHOWN = 24
/** What at least is seen of a name in a narrow line. */
const NARROW = 9

const shortOf = (...names: string[]): string[] => {
  const short = distinctNames(names)
  return names.map((name) => short.get(name) ?? name)
}

describe('short names of models', () => {
  it('leave out what long names begin with, at a word', () => {
    const names = ['food', 'flat', 'flowers'].map((domain) => `realisticVision_v51_finetune_${domain}_2024_a`)
    expect(shortOf('base', ...names)).toEqual(['base', '…food_2024_a', '…flat_2024_a', '…flowers_2024_a'])
  })

  it('leave out what groups of them have in common, but its first word', () => {
    const of = (domain: string, epoch: number): string => `anime-portrait-${domain}-highres-epoch-000${epoch}`
    expect(shortOf(of('food', 1), of('food', 2), of('flat', 1), 'dreamshaper_8')).toEqual([
      '…food…0001',
      '…food…0002',
      '…flat-highres-epoch-0001',
      'dreamshaper_8',
    ])
  })

  it('keep a word of a name that is the beginning of another', () => {
    expect(shortOf('realisticVision_v51', 'realisticVision_v51_food')).toEqual(['…v51', '…v51_food'])
  })

  it('begin at a word where words are written together, too', () => {
    const names = ['Food', 'Flat', '2'].map((end) => `RealisticVisionV51Finetune${end}`)
    expect(shortOf(...names)).toEqual(['…Food', '…Flat', '…2'])
  })

  it('begin with what differs where no sign or case says where a word begins', () => {
    for (const start of ['Finetune', 'RealisticVisionV51Finetune', 'realistic_vision_finetune'])
      expect(shortOf(`${start}animals`, `${start}food`)).toEqual(['…animals', '…food'])
    expect(shortOf('vision_v51_flowery', 'vision_v51_flowers')).toEqual(['…flowery', '…flowers'])
  })

  it('show in few letters what differs, if names differ in few letters', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abcdefgh'), minLength: 3, maxLength: 8 })
    const start = fc.constantFrom('Finetune', 'finetune_', 'RealisticVisionV51Finetune', 'realistic_vision_finetune')
    const property = fc.property(start, fc.uniqueArray(word, { minLength: 2, maxLength: 8 }), (common, words) => {
      // One of them is long, and no two letters more are common.
      const names = [...words, 'xylophones', 'yesterdays'].map((end) => common + end)
      const narrow = shortOf(...names).map((text) => [...text].slice(0, NARROW).join(''))
      expect(new Set(narrow).size).toBe(names.length)
    })
    fc.assert(property, { numRuns: 200 })
  })

  it('leave a name alone with which all others begin', () => {
    const names = ['photorealistic', 'photorealistic_v51_of_food', 'photorealistic_v51_of_flat']
    expect(shortOf(...names)).toEqual(['photorealistic', '…food', '…flat'])
  })

  it('are told apart by their first letters, however long what they have in common is', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'abcXYZ019_-. é𝛼'), minLength: 1, maxLength: 12 })
    const common = fc.string({ unit: fc.constantFrom(...'abcXYZ019_-. é𝛼'), minLength: 10, maxLength: 60 })
    const property = fc.property(common, fc.uniqueArray(letters, { minLength: 2, maxLength: 12 }), (start, ends) => {
      const names = ends.map((end) => start + end)
      const short = shortOf(...names)
      expect(new Set(short.map((text) => [...text].slice(0, SHOWN).join(''))).size).toBe(names.length)
      for (const [index, text] of short.entries()) expect(text.length).toBeLessThanOrEqual(names[index]!.length)
    })
    fc.assert(property, { numRuns: 300 })
  })

  it('are those of names that are long and begin alike alone', () => {
    const names = ['base', 'food', 'food 2', 'my-model-of-a', 'my-model-of-b', 'a very long name of one model', 'x']
    expect(distinctNames(names)).toEqual(new Map())
  })

  it('are never the same for two models', () => {
    const names = [
      'realistic_vision_food_1',
      'realistic_vision_flat_1',
      'dream_shaper_of_food_1',
      'dream_shaper_of_flat_1',
    ]
    expect(new Set(shortOf(...names)).size).toBe(4)
  })

  it('take the place of the whole names in a text', () => {
    const names = new Map([
      ['vision_food', '…food'],
      ['vision_food_2', '…food_2'],
    ])
    expect(shortText('without vision_food_2', names)).toBe('without …food_2')
    expect(shortText('vision_food', names)).toBe('…food')
    expect(shortText('vision_food 0.5, vision_food_2 1', names)).toBe('…food 0.5, …food_2 1')
    expect(shortText('this merge', names)).toBe('this merge')
  })
})
