import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FusionError } from '../../../../src-main/contract/errors'
import type { FloatType } from '../../../../src-main/engine/tensor/element-type'
import { FloatEncoder } from '../../../../src-main/engine/tensor/float-encoder'
import { WeightedSum } from '../../../../src-main/engine/tensor/weighted-sum'
import { HALF, rounded } from './formats'
import { floatInputs, inputsOf, noise } from './inputs'

const TYPES = ['F64', 'F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'] as const
const summer = new WeightedSum(64)
const encoder = new FloatEncoder()

function encoded(values: Float32Array, type: FloatType): Uint8Array {
  const parts: number[] = []
  encoder.encode(values, type, (_, bytes) => parts.push(...bytes))
  return Uint8Array.from(parts)
}

describe('a weighted sum', () => {
  it('is the float64 sum, rounded to float32', () => {
    const models = fc.integer({ min: 1, max: 50 }).chain((count) =>
      fc.array(
        fc.record({
          weight: fc.double({ min: -3, max: 3, noNaN: true }),
          values: fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: count, maxLength: count }),
        }),
        { minLength: 1, maxLength: 5 },
      ),
    )
    fc.assert(
      fc.property(models, fc.double({ min: 0.1, max: 10, noNaN: true }), (list, divisor) => {
        const inputs = floatInputs(list.map(({ values }) => Float32Array.from(values)))
        const combination = { coefficients: list.map(({ weight }) => weight), divisor }
        const { bytes, overflowed } = summer.sum(inputs, combination, 0, inputs.count, 'F32')
        // A model without weight is not read: not even the sign of a zero comes from it.
        const read = list.filter(({ weight }) => weight !== 0)
        const expected = Float32Array.from(
          { length: inputs.count },
          (_, i) => read.reduce((sum, { weight, values }) => sum + weight * values[i]!, -0) / divisor,
        )
        expect(overflowed).toBe(false)
        expect(new Float32Array(bytes.slice().buffer)).toEqual(expected)
      }),
      { numRuns: 500, examples: [[[{ weight: 0, values: [0] }], 0.1]] },
    )
  })

  it.each(TYPES)('of copies in %s is the copy, bit for bit, whatever the weights', (type) => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 5, noNaN: true }), { minLength: 2, maxLength: 9 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(),
        (weights, count, seed) => {
          const own = encoded(noise(count, seed), type)
          if (type === 'F64') new DataView(own.buffer).setFloat64(0, 0.1 + seed, true)
          const inputs = inputsOf(
            weights.map(() => ({ type, bytes: own })),
            count,
          )
          const divisor = weights.reduce((sum, weight) => sum + weight, 0)
          const { bytes } = summer.sum(inputs, { coefficients: weights, divisor }, 0, count, type)
          expect(Buffer.from(bytes).equals(own)).toBe(true)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('mixes element types, and starts anywhere', () => {
    const values = noise(64, 1)
    const models = TYPES.map((type) => ({ type, bytes: encoded(values, type) }))
    const inputs = inputsOf(models, 64)
    const combination = { coefficients: [1, 1, 1, 0, 0, 0], divisor: 3 }
    const { bytes } = summer.sum(inputs, combination, 13, 21, 'F32')
    const expected = values.subarray(13, 34).map((value) => (value + value + rounded(value, HALF)) / 3)
    expect(new Float32Array(bytes.slice().buffer)).toEqual(expected)
  })

  it('names the file and the tensor of a NaN, and does not read models without a share', () => {
    const inputs = floatInputs([Float32Array.of(1, 2), Float32Array.of(1, NaN)])
    const sum = (coefficients: number[], type: FloatType) =>
      summer.sum(inputs, { coefficients, divisor: 1 }, 0, 2, type)
    for (const type of ['F16', 'F64'] as const) {
      expect(() => sum([1, 1], type)).toThrow(
        expect.objectContaining({ kind: 'not-finite', message: expect.stringMatching(/model-1 .*the\.weight/) }),
      )
      expect(() => sum([1, 0], type)).not.toThrow(FusionError)
    }
  })

  it('tells when a sum is too large for the type', () => {
    const inputs = floatInputs([Float32Array.of(40_000, 1), Float32Array.of(40_000, 1)])
    const overflow = (type: FloatType): boolean =>
      summer.sum(inputs, { coefficients: [1, 1], divisor: 1 }, 0, 2, type).overflowed
    expect(overflow('F16')).toBe(true)
    expect(overflow('BF16')).toBe(false)
    expect(overflow('F8_E4M3')).toBe(true)
  })
})
