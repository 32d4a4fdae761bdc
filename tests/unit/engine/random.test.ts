import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TorchGenerator } from '../../../src-main/engine/random'

// torch values are those of the goldens (torch-random); tests/golden-runner compares all of them.
describe('TorchGenerator', () => {
  it('knows torch.randn(2) and torch.randn(16) of seed 0', () => {
    const small = new TorchGenerator(0).randn(2)
    expect(small[0]).toBeCloseTo(1.5409960746765137, 6)
    expect(small[1]).toBeCloseTo(-0.293428897857666, 6)
    const block = new TorchGenerator(0).randn(16)
    expect(block[0]).toBeCloseTo(-1.1258398294448853, 6)
    expect(block[15]).toBeCloseTo(-0.2472781538963318, 6)
  })

  it('takes the lowest 32 bits of a seed, as torch does', () => {
    const words = (seed: number | bigint) => [...new TorchGenerator(seed).words(3)]
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (seed) => {
        expect(words(seed)).toEqual(words(Number(seed & 0xffffffffn)))
      }),
    )
    expect(words(-5)).toEqual(words(2n ** 64n - 5n))
  })

  it('refuses what is no seed', () => {
    for (const seed of [0.5, NaN, Infinity, 2n ** 64n, -(2n ** 63n) - 1n]) {
      expect(() => new TorchGenerator(seed)).toThrow(/seed/)
    }
  })

  it('keeps the sine of a small draw for the next one, across a large draw', () => {
    const together = new TorchGenerator(7).randn(4)
    const generator = new TorchGenerator(7)
    expect([...generator.randn(1), ...generator.randn(3)]).toEqual([...together])
    const interrupted = new TorchGenerator(7)
    interrupted.randn(3)
    interrupted.randn(16)
    expect(interrupted.randn(1)[0]).toBe(together[3])
  })

  it('draws the words that each type and size needs', () => {
    const nextWord = (count: number, type: 'float32' | 'float16' | 'bfloat16' | 'float64') => {
      const generator = new TorchGenerator(3)
      generator.randn(count, type)
      return generator.words(1)[0]
    }
    const word = (index: number) => new TorchGenerator(3).words(index + 1)[index]
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 900 }), (count) => {
        const rest = count % 16 ? 16 : 0
        expect(nextWord(count, 'float32')).toBe(word(count + rest))
        expect(nextWord(count, 'float16')).toBe(word(count - (count % 16) + rest))
        expect(nextWord(count, 'bfloat16')).toBe(word(count - (count % 16) + rest))
        expect(nextWord(count, 'float64')).toBe(word(2 * (count + rest)))
      }),
      { numRuns: 40 },
    )
  })

  it('rounds 16-bit types to nearest', () => {
    const exact = new TorchGenerator(9).randn(4096)
    const half = new TorchGenerator(9).randn(4096, 'float16')
    const brain = new TorchGenerator(9).randn(4096, 'bfloat16')
    for (let i = 0; i < exact.length; i++) {
      const step = Math.max(2 ** (Math.floor(Math.log2(Math.abs(exact[i]!))) - 10), 2 ** -24)
      expect(Math.abs(half[i]! - exact[i]!)).toBeLessThanOrEqual(step / 2)
      expect(Number.isInteger(half[i]! / step)).toBe(true)
      const coarse = 2 ** (Math.floor(Math.log2(Math.abs(exact[i]!))) - 7)
      expect(Math.abs(brain[i]! - exact[i]!)).toBeLessThanOrEqual(coarse / 2)
      expect(Number.isInteger(brain[i]! / coarse)).toBe(true)
    }
  })
})
