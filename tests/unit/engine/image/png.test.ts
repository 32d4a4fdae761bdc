import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FusionError } from '../../../../src-main/contract/errors'
import { decodePng, encodePng, readParameters } from '../../../../src-main/engine/image/png'
import {
  formatParameters,
  parseParameters,
  sizeOf,
  type GenerationParameters,
} from '../../../../src-main/engine/image/png-parameters'
import { readPngText, withPngText } from '../../../../src-main/engine/image/png-text'

const picture = { width: 3, height: 2, channels: 3, data: Uint8Array.from({ length: 18 }, (_, i) => i * 13) }

const parameters = (prompt: string, negativePrompt: string, settings: [string, string][]): GenerationParameters => ({
  prompt,
  negativePrompt,
  settings: new Map(settings),
})

const STANDARD: [string, string][] = [
  ['Steps', '20'],
  ['Sampler', 'DPM++ 2M Karras'],
  ['CFG scale', '7.5'],
  ['Seed', '42'],
  ['Size', '512x768'],
]

describe('parameters', () => {
  it('are written in the form that the field reads', () => {
    const text = formatParameters(parameters('a cat', 'blurry', [...STANDARD, ['Lora hashes', 'a: 1, b: 2']]))
    expect(text).toBe(
      'a cat\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 42, ' +
        'Size: 512x768, Lora hashes: "a: 1, b: 2"',
    )
    expect(sizeOf(parseParameters(text).settings)).toEqual({ width: 512, height: 768 })
  })

  it('come back from a picture, in any script', () => {
    const word = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replace(/[\s\0]+/gu, ' ').trim())
    fc.assert(
      fc.property(word, word, fc.string({ unit: 'grapheme', maxLength: 30 }), (prompt, negative, value) => {
        fc.pre(!prompt.startsWith('Negative prompt:') && value.trim() === value && !value.includes('\0'))
        const made = parameters(prompt, negative, [...STANDARD, ['Model', value]])
        const png = encodePng(picture, made)
        expect(readParameters(png)).toEqual(made)
        expect(decodePng(png).data).toEqual(picture.data)
      }),
    )
  })

  it('without settings are a prompt of several lines', () => {
    const text = 'one\ntwo: a, b\nNegative prompt: three\nfour'
    expect(parseParameters(text)).toEqual(parameters('one\ntwo: a, b', 'three\nfour', []))
  })

  it('have a reading of any text, quickly', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseParameters(text)))
    const start = performance.now()
    parseParameters('a: "'.repeat(20_000))
    parseParameters('a'.repeat(100_000))
    expect(performance.now() - start).toBeLessThan(10_000)
  })
})

describe('PNG text', () => {
  it('is Latin-1 where it can be and UTF-8 where it must', () => {
    const png = encodePng(picture)
    const type = (text: string) => Buffer.from(withPngText(png, 'parameters', text)).toString('latin1', 37, 41)
    expect(type('déjà vu')).toBe('tEXt')
    expect(type('猫')).toBe('iTXt')
  })

  it('never crashes or hangs on broken files', () => {
    const png = encodePng(picture, parameters('猫', '', STANDARD))
    const broken = fc.tuple(fc.nat(png.length), fc.uint8Array({ maxLength: 20 })).map(([at, bytes]) => {
      const copy = Uint8Array.from(png)
      copy.set(bytes.subarray(0, Math.max(0, copy.length - at)), at)
      return copy.subarray(0, at % 3 ? copy.length : at)
    })
    fc.assert(
      fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        for (const read of [readPngText, decodePng]) {
          try {
            read(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(FusionError)
          }
        }
      }),
    )
  })

  it('does not allocate what a header only promises', () => {
    const png = Buffer.from(encodePng(picture))
    png.writeUInt32BE(60_000, 16)
    png.writeUInt32BE(60_000, 20)
    expect(() => decodePng(png)).toThrow(/60000 × 60000 pixels/)
  })
})
