import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { methodSchema, type MethodName } from '../../../../src-main/contract/document/project'
import { LargestEntries } from '../../../../src-main/engine/merge/methods/elementwise/largest-entries'
import { methodNamed } from '../../../../src-main/engine/merge/methods/index'
import { seededDraws } from '../../../../src-main/engine/merge/methods/elementwise/random-draw'
import { Kernels } from '../../../../src-main/engine/tensor/kernels'
import { noise } from '../tensor/inputs'
import { mergeTensor } from './merge-tensor'

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

describe('the largest entries', () => {
  const value = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, 1, -1, 2, -2))
  const values = fc.array(value, { minLength: 1, maxLength: 60 })

  it.each(['first', 'last', 'all'] as const)('are as many as asked for, of equals the %s', (equals) => {
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 60 }), (list, wanted) => {
        const keep = Math.min(list.length, equals === 'all' ? Math.max(1, wanted) : wanted)
        const kernels = new Kernels(0)
        const largest = new LargestEntries(kernels, keep, equals)
        const [held, marks] = [kernels.allocateMore(list.length * 8), kernels.allocateMore(list.length)]
        held.doubles(list.length).set(list)
        const blocks = [...new Set([0, Math.min(7, list.length), list.length])]
        const each = (visit: (block: Float64Array, from: number) => void): void =>
          blocks.slice(1).forEach((to, i) => visit(held.doubles(list.length).subarray(blocks[i], to), blocks[i]!))
        each((block) => largest.countCoarse(block))
        each((block) => largest.countFine(block))
        const marked = marks.bytes(list.length)
        const mark = largest.marker()
        each((block, from) => mark(block, marked.subarray(from, from + block.length)))
        const order = [...list.keys()].sort(
          (a, b) => Math.abs(list[b]!) - Math.abs(list[a]!) || (equals === 'last' ? b - a : a - b),
        )
        const kept = order.slice(0, keep)
        const smallest = Math.abs(list[kept.at(-1) ?? 0]!)
        const stays = (i: number): boolean => (equals === 'all' ? Math.abs(list[i]!) >= smallest : kept.includes(i))
        expect([...marked]).toEqual(list.map((_, i) => (stays(i) ? 1 : 0)))
      }),
      { numRuns: 500 },
    )
  })
})

describe('TIES', () => {
  const [base, a, b] = [noise(MANY, 1), noise(MANY, 2), noise(MANY, 3)] as const

  it('of one specialist with all its entries adds its difference', () => {
    const result = mergeTensor('ties', { density: 1, scale: 0.5 }, [1, 1], [base, a])
    expect(result.every((value, i) => Math.abs(value - (base[i]! + 0.5 * (a[i]! - base[i]!))) < 1e-6)).toBe(true)
  })

  it('does not depend on the order of specialists', () => {
    const settings = { density: 0.3 }
    const forth = mergeTensor('ties', settings, [1, 0.5, 2], [base, a, b])
    const back = mergeTensor('ties', settings, [1, 2, 0.5], [base, b, a])
    expect(forth.every((value, i) => Math.abs(value - back[i]!) < 1e-12)).toBe(true)
  })

  it('averages only those that agree, never beyond them', () => {
    const result = mergeTensor('ties', { density: 1 }, [1, 1, 1], [base, a, b])
    for (let i = 0; i < MANY; i++) {
      const [low, high] = [Math.min(a[i]!, b[i]!, base[i]!), Math.max(a[i]!, b[i]!, base[i]!)]
      expect(result[i]! >= low - 1e-6 && result[i]! <= high + 1e-6).toBe(true)
    }
  })
})

describe.each(['dare', 'dare-ties'] as const)('%s', (name) => {
  const [base, a] = [noise(MANY, 1), noise(MANY, 2)] as const

  it('is the same for a seed and another for another', () => {
    const once = mergeTensor(name, { seed: 5, density: 0.4 }, [1, 1], [base, a])
    expect(mergeTensor(name, { seed: 5, density: 0.4 }, [1, 1], [base, a])).toEqual(once)
    expect(mergeTensor(name, { seed: 6, density: 0.4 }, [1, 1], [base, a])).not.toEqual(once)
  })

  it('keeps the share of entries that density says, grown to make up for the rest', () => {
    const density = 0.4
    for (const [rescale, growth] of [
      ['density', 1 / density],
      ['l1', 1 / density],
    ] as const) {
      const result = mergeTensor(name, { density, rescale }, [1, 1], [base, a])
      const kept = [...result.keys()].filter((i) => result[i] !== base[i])
      expect(kept.length / MANY).toBeCloseTo(density, 2)
      const ratio = kept.reduce((sum, i) => sum + (result[i]! - base[i]!) / (a[i]! - base[i]!), 0) / kept.length
      expect(ratio).toBeCloseTo(growth, 1)
    }
  })

  it('with all entries adds the difference', () => {
    const result = mergeTensor(name, { density: 1 }, [1, 0.5], [base, a])
    expect(result.every((value, i) => Math.abs(value - (base[i]! + 0.5 * (a[i]! - base[i]!))) < 1e-6)).toBe(true)
  })
})

it('draws one mask whatever the blocks, another for every tensor and specialist', () => {
  const whole = Array.from(seededDraws(3, 'x')(0)(1000, 0.5))
  const draw = seededDraws(3, 'x')(0)
  // The engine's blocks are multiples of 16, as PyTorch's generator works.
  expect([...Array.from(draw(320, 0.5)), ...Array.from(draw(680, 0.5))]).toEqual(whole)
  expect(Array.from(seededDraws(3, 'y')(0)(1000, 0.5))).not.toEqual(whole)
  expect(Array.from(seededDraws(3, 'x')(1)(1000, 0.5))).not.toEqual(whole)
})
