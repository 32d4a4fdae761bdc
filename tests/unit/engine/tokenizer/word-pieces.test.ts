import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readWordPieces, WordPieceTokenizer } from '../../../../src-main/engine/tokenizer/word-pieces'
import { temporaryFolder } from '../merge/models'

const VOCABULARY = 'tests/golden/rewards/image-reward/bert-base-uncased/vocab.txt'
const lines = readWordPieces(VOCABULARY)
const tokenizer = new WordPieceTokenizer(lines, ['[DEC]', '[ENC]'])

const tokens = (text: string): string[] =>
  tokenizer
    .encode(text, 35)
    .ids.map((id) => [...lines, '[DEC]', '[ENC]'][id]!)
    .filter((token) => token !== '[PAD]')

describe('BERT’s word pieces', () => {
  it('fill the length with ends and padding for any text, all ids in the vocabulary', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.integer({ min: 3, max: 40 }), (text, length) => {
        const { ids, mask } = tokenizer.encode(text, length)
        const used = mask.filter((bit) => bit === 1).length
        expect(ids).toHaveLength(length)
        expect(mask).toHaveLength(length)
        expect(lines[ids[0]!]).toBe('[CLS]')
        expect(lines[ids[used - 1]!]).toBe('[SEP]')
        expect(ids.every((id) => id >= 0 && id < tokenizer.size)).toBe(true)
        expect(ids.slice(used).every((id) => lines[id] === '[PAD]')).toBe(true)
      }),
    )
  })

  it('do not depend on case, accents, or the kind of white space', () => {
    expect(tokens('A CAT')).toEqual(tokens('a cat'))
    expect(tokens('ÉCLAIR')).toEqual(tokens('eclair'))
    expect(tokens('a\u3000\t\n cat')).toEqual(tokens('a cat'))
    expect(tokens('a\u2028cat')).toEqual(tokens('a cat'))
  })

  it('take special tokens in exactly their spelling, without spaces', () => {
    expect(tokens('a[SEP]a')).toEqual(['[CLS]', 'a', '[SEP]', 'a', '[SEP]'])
    expect(tokens('[ENC][DEC]')).toEqual(['[CLS]', '[ENC]', '[DEC]', '[SEP]'])
    expect(tokens('[sep]').filter((token) => token === '[SEP]')).toHaveLength(1)
    expect(tokens('[sep]').length).toBeGreaterThan(3)
  })

  it('count the letters of a long word, not its UTF-16 units', () => {
    const word = '\u{1d4b3}'.repeat(60)
    expect(tokens(`${word} cat`)).toContain('cat')
    expect(tokens('x'.repeat(101))).toEqual(['[CLS]', '[UNK]', '[SEP]'])
  })
})

describe('a vocab.txt', () => {
  it('may have lines that end as Windows ends them', () => {
    const path = join(temporaryFolder(), 'vocab.txt')
    writeFileSync(path, readFileSync(VOCABULARY, 'utf8').replaceAll('\n', '\r\n'))
    expect(readWordPieces(path)).toEqual(lines)
  })

  it('without a special token is refused by its name', () => {
    expect(() => new WordPieceTokenizer(lines.filter((token) => token !== '[MASK]'))).toThrow(
      'The vocabulary of word pieces has no [MASK].',
    )
  })
})
