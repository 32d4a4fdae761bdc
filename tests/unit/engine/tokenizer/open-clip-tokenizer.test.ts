import { resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OpenClipTokenizer } from '../../../../src-main/engine/tokenizer/open-clip-tokenizer'
import { ClipTokenizer } from '../../../../src-main/engine/tokenizer/tokenizer'
import { readClipVocabulary } from '../../../../src-main/engine/tokenizer/vocabulary'

const vocabulary = readClipVocabulary(resolve('resources/clip/bpe_simple_vocab_16e6.txt.gz'))
const tokenizer = new OpenClipTokenizer(vocabulary)
const clip = new ClipTokenizer(vocabulary)
const START = 49406
const END = 49407

const words = (text: string): number[] => {
  const ids = tokenizer.encode(text)
  return ids.slice(1, ids.indexOf(END))
}

describe('open_clip’s tokenizer', () => {
  it('gives plain texts the tokens that CLIP’s has', () => {
    const text = "an astronaut's horse, 4k, it'll be fine!"
    expect(words(text)).toEqual(clip.tokens(text))
  })

  it('repairs texts first, and reads HTML entities twice', () => {
    expect(words('“it’s”')).toEqual(words('"it\'s"'))
    expect(words('ＡＢＣ ﬁsh')).toEqual(words('abc fish'))
    expect(words('&amp;lt;b')).toEqual(words('<b'))
  })

  it('lowers the string as a whole', () => {
    expect(words('ΟΔΟΣ')).toEqual(words('οδος'))
    expect(words('ΟΔΟΣ')).not.toEqual(words('οδοσ'))
  })

  it('has its own names of the special tokens', () => {
    expect(tokenizer.encode('<start_of_text> a').slice(0, 3)).toEqual([START, START, 320])
    expect(words('<|startoftext|>').length).toBeGreaterThan(1)
  })

  it('gives as many ids as asked for, with the end kept and zeros after it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.integer({ min: 3, max: 90 }), (text, length) => {
        const ids = tokenizer.encode(text, length)
        expect(ids).toHaveLength(length)
        expect(ids[0]).toBe(START)
        expect(ids).toContain(END)
        const last = ids.lastIndexOf(END)
        expect(ids.slice(last + 1).every((id) => id === 0)).toBe(true)
      }),
    )
  })

  it('refuses a vocabulary that is not CLIP’s', () => {
    expect(() => new OpenClipTokenizer({ ids: new Map([['a', 0]]), merges: [] })).toThrow(
      "The tokenizer's vocabulary has no <|startoftext|>.",
    )
  })
})
