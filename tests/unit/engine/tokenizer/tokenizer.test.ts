import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { ClipTokenizer } from '../../../../src-main/engine/tokenizer/tokenizer'
import { loadTokenizer, readClipVocabulary } from '../../../../src-main/engine/tokenizer/vocabulary'
import { family } from '../../demo-family'

const ADDED_TOKENS = JSON.parse(readFileSync(new URL('added-tokens.json', import.meta.url), 'utf8')) as {
  name: string
  files: Record<string, object>
  ids: Record<string, number[]>
  pad: number
}[]

const vocabulary = readClipVocabulary(resolve('resources/clip/bpe_simple_vocab_16e6.txt.gz'))
const tokenizer = new ClipTokenizer(vocabulary)
const second = new ClipTokenizer(vocabulary, '!')

describe('CLIP’s own vocabulary', () => {
  it('gives the ids that Stable Diffusion knows', () => {
    expect(tokenizer.encode('a photo of a cat').slice(0, 8)).toEqual([49406, 320, 1125, 539, 320, 2368, 49407, 49407])
    expect(second.encode('a photo of a cat').slice(5, 9)).toEqual([2368, 49407, 0, 0])
  })

  it('treats the padding token as special wherever it stands', () => {
    expect(second.tokens('wow!!')).toEqual([...second.tokens('wow'), 0, 0])
    expect(tokenizer.tokens('wow!!')).toHaveLength(2)
    expect(tokenizer.tokens('<|EndOfText|>').length).toBeGreaterThan(1)
    expect(second.tokens('<|EndOfText|>')).toEqual([49407])
  })

  it('lowers character by character, composes, and takes any white space for one space', () => {
    expect(tokenizer.tokens('ΟΔΟΣ')).toEqual(tokenizer.tokens('οδοσ'))
    expect(tokenizer.tokens('e\u0301te\u0301')).toEqual(tokenizer.tokens('été'))
    expect(tokenizer.tokens('a\u3000 \u0085\ncat')).toEqual(tokenizer.tokens('a cat'))
    expect(tokenizer.tokens('2024')).toHaveLength(4)
  })
})

describe('encode', () => {
  it('gives 77 ids of the vocabulary for any text, the ends in place', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const ids = tokenizer.encode(text)
        expect(ids).toHaveLength(77)
        expect(ids[0]).toBe(49406)
        expect(ids[76]).toBe(49407)
        expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < 49408)).toBe(true)
      }),
    )
  })

  it('cuts what is too long', () => {
    expect(tokenizer.encode('cat '.repeat(200))).toEqual([49406, ...Array.from({ length: 75 }, () => 2368), 49407])
  })
})

describe('loadTokenizer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenizer-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('reads a tokenizer.json where vocab.json is missing, to the same ids', () => {
    const golden = resolve('tests/golden/sd2/pipeline/tokenizer')
    const both = loadTokenizer(golden)
    expect(loadTokenizer(join(family.base.path, 'tokenizer')).encode('a cat')).toHaveLength(77)
    const model = { vocab: Object.fromEntries(vocabulary.ids), merges: vocabulary.merges }
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ model }))
    writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ pad_token: { content: '!' } }))
    expect(loadTokenizer(folder).encode('An oil painting!')).toEqual(second.encode('An oil painting!'))
    expect(both.padId).toBe(0)
  })

  /** added-tokens.json: what CLIPTokenizer of transformers 5.24.0 makes of texts, for folders with these files. */
  it.each(ADDED_TOKENS)('hears added tokens as transformers does: $name', ({ files, ids, pad }) => {
    const own = mkdtempSync(join(folder, 'added-'))
    const model = { vocab: Object.fromEntries(vocabulary.ids), merges: vocabulary.merges }
    const isWhole = 'tokenizer.json' in files
    if (!isWhole) writeFileSync(join(own, 'merges.txt'), vocabulary.merges.map((pair) => pair.join(' ')).join('\n'))
    writeFileSync(join(own, 'vocab.json'), JSON.stringify(model.vocab))
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(own, name), JSON.stringify(name === 'tokenizer.json' ? { ...content, model } : content))
    const loaded = loadTokenizer(own)
    expect(loaded.padId).toBe(pad)
    for (const [text, expected] of Object.entries(ids)) expect([text, loaded.tokens(text)]).toEqual([text, expected])
  })

  it('names the file that is missing or broken', () => {
    expect(() => loadTokenizer(join(folder, 'none'))).toThrow(/tokenizer\.json/)
    writeFileSync(join(folder, 'vocab.json'), '{')
    expect(() => loadTokenizer(folder)).toThrow(/merges\.txt|vocab\.json/)
  })
})
