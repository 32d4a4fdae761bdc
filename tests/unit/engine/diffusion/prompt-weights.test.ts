import { resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  applyWeights,
  padChunks,
  parseWeightedPrompt,
  weightedChunks,
} from '../../../../src-main/engine/diffusion/prompt-weights'
import { ClipTokenizer } from '../../../../src-main/engine/tokenizer/tokenizer'
import { readClipVocabulary } from '../../../../src-main/engine/tokenizer/vocabulary'

const tokenizer = new ClipTokenizer(readClipVocabulary(resolve('resources/clip/bpe_simple_vocab_16e6.txt.gz')))

/** text → weight, rounded, in order. */
const read = (prompt: string) =>
  parseWeightedPrompt(prompt).map((part) =>
    part === 'break' ? part : [part.text, Math.round(part.weight * 1e4) / 1e4],
  )

describe('parseWeightedPrompt', () => {
  it.each([
    ['normal text', [['normal text', 1]]],
    [
      'an (important) word',
      [
        ['an ', 1],
        ['important', 1.1],
        [' word', 1],
      ],
    ],
    ['(unbalanced', [['unbalanced', 1.1]]],
    ['\\(literal\\]', [['(literal]', 1]]],
    ['(unnecessary)(parens)', [['unnecessaryparens', 1.1]]],
    [
      'a [less] b',
      [
        ['a ', 1],
        ['less', 0.9091],
        [' b', 1],
      ],
    ],
    ['((twice))', [['twice', 1.21]]],
    [
      '(a:1.3) b',
      [
        ['a', 1.3],
        [' b', 1],
      ],
    ],
    [
      '(a:.5)(b: -2 )',
      [
        ['a', 0.5],
        ['b', -2],
      ],
    ],
    ['ratio 16:9', [['ratio 16:9', 1]]],
    ['a) b:2)', [['a) b:2)', 1]]],
    ['a BREAK b', [['a', 1], 'break', ['b', 1]]],
    ['BREAKFAST', [['BREAKFAST', 1]]],
    ['', []],
  ])('%s', (prompt, expected) => {
    expect(read(prompt)).toEqual(expected)
  })

  it('reads the example of the syntax: nested brackets multiply', () => {
    expect(read('a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).')).toEqual([
      ['a ', 1],
      ['house', 1.573],
      [' ', 1.1],
      ['on', 1],
      [' a ', 1.1],
      ['hill', 0.55],
      [', sun, ', 1.1],
      ['sky', 1.4641],
      ['.', 1.1],
    ])
  })

  it('takes time in proportion to the text', () => {
    const start = performance.now()
    for (const piece of [' ', '1', ':', ': 1', '\\']) parseWeightedPrompt(`(:${piece.repeat(100_000)}`)
    expect(performance.now() - start).toBeLessThan(10_000)
  })

  it('reads any text, and text without brackets as it stands', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseWeightedPrompt(text)))
    fc.assert(
      fc.property(
        fc.string().filter((text) => text !== '' && !/[\\()[\]]|BREAK/.test(text)),
        (text) => {
          expect(parseWeightedPrompt(text)).toEqual([{ text, weight: 1 }])
        },
      ),
    )
  })
})

describe('weightedChunks', () => {
  it('is the plain encoding where the prompt is short and unweighted', () => {
    for (const prompt of ['', 'a photo of a cat', 'Straße, 4k']) {
      const [chunk, ...others] = weightedChunks(prompt, tokenizer)
      expect(others).toEqual([])
      expect(chunk!.ids).toEqual(tokenizer.encode(prompt))
      expect(chunk!.weights).toEqual(Array.from({ length: 77 }, () => 1))
    }
  })

  it('gives every token its weight and loses none', () => {
    const words = fc.constantFrom('cat', 'a (dog:1.4)', 'blue,', '[sky]', 'photograph,', 'BREAK', 'über (grün)')
    fc.assert(
      fc.property(fc.array(words, { maxLength: 150 }), (parts) => {
        const prompt = parts.join(' ')
        const expected = parseWeightedPrompt(prompt).flatMap((part) =>
          part === 'break' ? [] : tokenizer.tokens(part.text).map((id) => [id, part.weight]),
        )
        const chunks = weightedChunks(prompt, tokenizer)
        const found = chunks.flatMap(({ ids, weights }) => {
          const end = ids.indexOf(tokenizer.endId)
          return ids.slice(1, end).map((id, i) => [id, weights[i + 1]])
        })
        expect(found).toEqual(expected)
        expect(chunks.every(({ ids, weights }) => ids.length === 77 && weights.length === 77)).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  it('cuts a full chunk after a near comma, and mid-phrase without one', () => {
    const near = weightedChunks(`${'cat '.repeat(70)}, ${'dog '.repeat(10)}`, tokenizer)
    expect(near.map(({ ids }) => ids.indexOf(tokenizer.endId) - 1)).toEqual([71, 10])
    const far = weightedChunks(`${'cat '.repeat(40)}, ${'dog '.repeat(50)}`, tokenizer)
    expect(far.map(({ ids }) => ids.indexOf(tokenizer.endId) - 1)).toEqual([75, 16])
  })

  it('can be filled up with empty chunks', () => {
    const padded = padChunks(weightedChunks('a cat', tokenizer), 3, tokenizer)
    expect(padded).toHaveLength(3)
    expect(padded[2]!.ids).toEqual(tokenizer.encode(''))
  })
})

describe('applyWeights', () => {
  it('scales places and keeps the mean', () => {
    const states = Float32Array.from({ length: 8 }, (_, i) => i + 1)
    const weighted = applyWeights(states, [1, 2, 1, 1])
    const sum = (values: Float32Array) => values.reduce((a, b) => a + b)
    expect(sum(weighted)).toBeCloseTo(sum(states), 4)
    expect(weighted[2]! / weighted[0]!).toBeCloseTo((2 * states[2]!) / states[0]!, 5)
    expect(applyWeights(states, [1, 1, 1, 1])).toBe(states)
  })
})
