import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { methodSchema, type MethodName } from '../../../../src-main/contract/document/project'
import { mergeElementwise } from '../../../../src-main/engine/merge/jobs/merge-elementwise'
import { LargestEntries } from '../../../../src-main/engine/merge/methods/elementwise/largest-entries'
import { methodNamed } from '../../../../src-main/engine/merge/methods/index'
import { seededMasks } from '../../../../src-main/engine/merge/methods/elementwise/random-mask'
import { floatInputs, noise } from '../tensor/inputs'

function elementwise(
  name: MethodName,
  settings: Record<string, unknown>,
  weights: readonly number[],
  models: readonly Float32Array[],
): Float64Array {
  const method = methodNamed(name)
  if (method.kind !== 'elementwise') throw new Error(`${name} is not an elementwise method`)
  const inputs = floatInputs(models)
  const result = new Float64Array(inputs.count)
  const merge = { method, settings: methodSchema.parse({ name, ...settings }), weights, inputs, type: 'F64' as const }
  mergeElementwise(merge, ({ bytes }, start) => new Uint8Array(result.buffer).set(bytes, start * 8))
  return result
}

/** More than one block of the engine's. */
const MANY = 70_001

describe('linear methods', () => {
  const combine = (name: MethodName, weights: number[], settings = {}): number[] => {
    const method = methodNamed(name)
    if (method.kind !== 'linear') throw new Error(`${name} is not linear`)
    const { coefficients, divisor } = method.combine(weights, methodSchema.parse({ name, ...settings }))
    return coefficients.map((value) => value / divisor)
  }

  it('have shares that sum to 1', () => {
    const weight = fc.double({ min: 0.1, max: 3, noNaN: true })
    fc.assert(
      fc.property(fc.array(weight, { minLength: 3, maxLength: 3 }), weight, (weights, scale) => {
        for (const name of ['soup', 'weighted-sum', 'add-difference', 'task-arithmetic'] as const) {
          expect(combine(name, weights, { scale }).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 9)
        }
      }),
    )
  })

  it('share as method.md says', () => {
    expect(combine('soup', [1, 2, 1])).toEqual([0.25, 0.5, 0.25])
    expect(combine('weighted-sum', [9, 0.25, 0.5])).toEqual([0.25, 0.25, 0.5])
    expect(combine('add-difference', [9, 9, 0.5])).toEqual([-0.5, 1, 0.5])
    expect(combine('task-arithmetic', [9, 0.5, 1], { scale: 0.5 })).toEqual([0.25, 0.25, 0.5])
  })
})

describe('the largest entries of a delta', () => {
  it('are exactly as many as asked for, the first of equals', () => {
    const delta = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, 1, -1, 2, -2))
    fc.assert(
      fc.property(fc.array(delta, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 60 }), (list, keep) => {
        const other = Float32Array.from(list)
        const base = new Float32Array(list.length)
        const largest = new LargestEntries(Math.min(keep, list.length))
        const blocks = [0, 7, list.length].filter((at, i, all) => at <= list.length && all.indexOf(at) === i)
        const each = (visit: (from: number, to: number) => void): void =>
          blocks.slice(1).forEach((to, i) => visit(blocks[i]!, to))
        each((from, to) => largest.countCoarse(base.subarray(from, to), other.subarray(from, to)))
        each((from, to) => largest.countFine(base.subarray(from, to), other.subarray(from, to)))
        const kept = new Float64Array(list.length)
        each((from, to) => largest.select(base.subarray(from, to), other.subarray(from, to), kept.subarray(from, to)))
        const order = [...other.keys()].sort((a, b) => Math.abs(other[b]!) - Math.abs(other[a]!) || a - b)
        const expected = new Float64Array(list.length)
        for (const i of order.slice(0, Math.min(keep, list.length))) expected[i] = other[i]! - 0
        expect(kept.map((value) => value + 0)).toEqual(expected.map((value) => value + 0))
      }),
      { numRuns: 500 },
    )
  })
})

describe('TIES', () => {
  const [base, a, b] = [noise(MANY, 1), noise(MANY, 2), noise(MANY, 3)] as const

  it('of one specialist with all its entries adds its difference', () => {
    const result = elementwise('ties', { density: 1, scale: 0.5 }, [1, 1], [base, a])
    expect(result.every((value, i) => Math.abs(value - (base[i]! + 0.5 * (a[i]! - base[i]!))) < 1e-6)).toBe(true)
  })

  it('does not depend on the order of specialists', () => {
    const settings = { density: 0.3 }
    const forth = elementwise('ties', settings, [1, 0.5, 2], [base, a, b])
    const back = elementwise('ties', settings, [1, 2, 0.5], [base, b, a])
    expect(forth.every((value, i) => Math.abs(value - back[i]!) < 1e-12)).toBe(true)
  })

  it('averages only those that agree, never beyond them', () => {
    const result = elementwise('ties', { density: 1 }, [1, 1, 1], [base, a, b])
    for (let i = 0; i < MANY; i++) {
      const [low, high] = [Math.min(a[i]!, b[i]!, base[i]!), Math.max(a[i]!, b[i]!, base[i]!)]
      expect(result[i]! >= low - 1e-6 && result[i]! <= high + 1e-6).toBe(true)
    }
  })
})

describe.each(['dare', 'dare-ties'] as const)('%s', (name) => {
  const [base, a] = [noise(MANY, 1), noise(MANY, 2)] as const

  it('is the same for a seed and another for another', () => {
    const once = elementwise(name, { seed: 5, density: 0.4 }, [1, 1], [base, a])
    expect(elementwise(name, { seed: 5, density: 0.4 }, [1, 1], [base, a])).toEqual(once)
    expect(elementwise(name, { seed: 6, density: 0.4 }, [1, 1], [base, a])).not.toEqual(once)
  })

  it('keeps the share of entries that density says, grown to make up for the rest', () => {
    const density = 0.4
    for (const [rescale, growth] of [
      ['density', 1 / density],
      ['l1', 1 / density],
    ] as const) {
      const result = elementwise(name, { density, rescale }, [1, 1], [base, a])
      const kept = [...result.keys()].filter((i) => result[i] !== base[i])
      expect(kept.length / MANY).toBeCloseTo(density, 2)
      const ratio = kept.reduce((sum, i) => sum + (result[i]! - base[i]!) / (a[i]! - base[i]!), 0) / kept.length
      expect(ratio).toBeCloseTo(growth, 1)
    }
  })

  it('with all entries adds the difference', () => {
    const result = elementwise(name, { density: 1 }, [1, 0.5], [base, a])
    expect(result.every((value, i) => Math.abs(value - (base[i]! + 0.5 * (a[i]! - base[i]!))) < 1e-6)).toBe(true)
  })
})

it('draws one mask whatever the blocks, another for every tensor and model', () => {
  const whole = Array.from(seededMasks(3, 'x', 0.5)(0)(1000))
  const draw = seededMasks(3, 'x', 0.5)(0)
  // The engine's blocks are multiples of 16, as PyTorch's generator works.
  expect([...Array.from(draw(320)), ...Array.from(draw(680))]).toEqual(whole)
  expect(Array.from(seededMasks(3, 'y', 0.5)(0)(1000))).not.toEqual(whole)
  expect(Array.from(seededMasks(3, 'x', 0.5)(1)(1000))).not.toEqual(whole)
})
