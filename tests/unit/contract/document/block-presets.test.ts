import { describe, expect, it } from 'vitest'
import {
  FIELD_PRESETS,
  presetFor,
  presetNamed,
  readPresets,
} from '../../../../src-main/contract/document/blocks/block-presets'

const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(2, '0')}`)
const SD = ['BASE', ...numbered('IN', 12), 'M00', ...numbered('OUT', 12)]
const SDXL = ['BASE', ...numbered('IN', 9), 'M00', ...numbered('OUT', 9)]
const counted = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('the presets of the field', () => {
  it('are 25 numbers each, and found by name in any spelling', () => {
    for (const { weights } of FIELD_PRESETS) expect(weights).toHaveLength(25)
    expect(presetNamed('grad_v')!.weights.slice(11, 14)).toEqual([0.083333, 0, 0.083333])
    expect(presetNamed('REVERSE-SMOOTHSTEP')!.weights.slice(0, 2)).toEqual([1, 0.994936])
    expect(presetNamed('RING08_SOFT')!.weights.slice(5, 10)).toEqual([0.5, 1, 1, 1, 0.5])
    expect(presetNamed('nobody')).toBeUndefined()
  })

  it('leave BASE as it is, and what another network does not have out', () => {
    const { weights } = presetNamed('WRAP08')!
    const sd = presetFor(SD, weights)
    expect(sd.missing).toEqual([])
    expect(sd.blocks['BASE']).toBeUndefined()
    expect([sd.blocks['IN03'], sd.blocks['IN04'], sd.blocks['OUT07'], sd.blocks['OUT08']]).toEqual([1, 0, 0, 1])
    const xl = presetFor(SDXL, weights)
    expect(Object.keys(xl.blocks)).toEqual(SDXL.slice(1))
    expect(xl.missing).toEqual(['IN09', 'IN10', 'IN11', 'OUT09', 'OUT10', 'OUT11'])
  })
})

describe('numbers without names', () => {
  it.each([
    ['26 for SD', SD, 26, 'BASE', 'OUT11'],
    ['25 for SD', SD, 25, 'IN00', 'OUT11'],
    ['20 for SDXL', SDXL, 20, 'BASE', 'OUT08'],
    ['19 for SDXL', SDXL, 19, 'IN00', 'OUT08'],
    ['26 of SD for SDXL', SDXL, 26, 'BASE', 'OUT08'],
  ])('are blocks in order: %s', (_words, labels, count, first, last) => {
    const { blocks } = presetFor(labels, counted(count))
    expect([Object.keys(blocks)[0], Object.keys(blocks).at(-1)]).toEqual([first, last])
    expect(blocks['M00']).toBe(counted(count)[count === 26 ? 13 : count === 25 ? 12 : count === 20 ? 10 : 9])
  })

  it('are the blocks with attention of LoRAs', () => {
    const sd = presetFor(SD, counted(17)).blocks
    expect([sd['BASE'], sd['IN01'], sd['IN08'], sd['M00'], sd['OUT03'], sd['OUT11']]).toEqual([0, 1, 6, 7, 8, 16])
    const xl = presetFor(SDXL, counted(12)).blocks
    expect([xl['BASE'], xl['IN04'], xl['M00'], xl['OUT05'], xl['OUT06']]).toEqual([0, 1, 5, 11, undefined])
  })

  it('that fit no network are refused, with what the network has', () => {
    for (const count of [1, 18, 20, 27])
      expect(() => presetFor(SD, counted(count))).toThrow(`${count} numbers fit no list`)
    expect(() => presetFor(SDXL, { IN09: 1 })).toThrow('no block IN09')
  })
})

describe('a text', () => {
  it('is numbers, one list over several lines too, or weights by block', () => {
    expect(readPresets('0, 0.5,1').presets).toEqual([{ name: null, weights: [0, 0.5, 1] }])
    expect(readPresets('0,0.5,\n1,\n0').presets).toEqual([{ name: null, weights: [0, 0.5, 1, 0] }])
    expect(readPresets('in4:0.5, mid:1').presets).toEqual([{ name: null, weights: { IN04: 0.5, M00: 1 } }])
  })

  it('is a file of SuperMerger, LoRA-block-weight or the merge-block-weighted GUI', () => {
    const tsv = 'preset_name\tpreset_weights\nGRAD\t1,0.5,0\r\nFLAT\t0.2,0.2,0.2\n'
    expect(readPresets(tsv)).toEqual({
      presets: [
        { name: 'GRAD', weights: [1, 0.5, 0] },
        { name: 'FLAT', weights: [0.2, 0.2, 0.2] },
      ],
      unread: [],
    })
    const lines = 'NONE:0,0,0\n\n#comment\nMY STYLE: 1,0.5,0\nRANDOM:R,U,X\n'
    expect(readPresets(lines)).toEqual({
      presets: [
        { name: 'NONE', weights: [0, 0, 0] },
        { name: 'MY STYLE', weights: [1, 0.5, 0] },
      ],
      unread: ['RANDOM:R,U,X'],
    })
    expect(readPresets('nothing at all').presets).toEqual([])
  })
})
