import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { METHODS } from '../../../../src-main/contract/methods/index'
import type { MethodName } from '../../../../src-main/contract/document/project'
import { methodNamed } from '../../../../src-main/engine/merge/methods/index'
import { mergesLayers } from '../../../../src-main/engine/merge/methods/method'
import { noise } from '../tensor/inputs'
import { mergeTensor } from './merge-tensor'

/** Methods that merge tensor by tensor, with every choice of theirs. */
const VARIANTS = METHODS.filter(({ name }) => !mergesLayers(methodNamed(name))).flatMap((method) => {
  const choices = method.parameters.flatMap((parameter) =>
    parameter.kind === 'choice' ? parameter.choices.map(({ value }) => ({ [parameter.key]: value })) : [],
  )
  return [{}, ...choices].map((settings) => [method.name, settings, method] as const)
})

/** Rows, columns and inner axes of several lengths; more than one block of the engine's; one row that fills a block. */
const SHAPES = [
  [],
  [0, 4],
  [4, 0],
  [7],
  [5, 6],
  [4, 3, 2, 2],
  [1, 9],
  [9, 1],
  [3, 12_000],
  [40_000],
  [2, 33_000],
] as const
const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1)

/** Rounding of float64 sums: parts of the largest weight. */
const ROUNDING = 1e-12

function expectClose(values: Float64Array, expected: ArrayLike<number>, tolerance: number): void {
  const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
  expect(Number.isNaN(worst) ? Infinity : worst).toBeLessThanOrEqual(tolerance)
}

/** How many specialists a method is tried with. */
const countOf = ({ least, most }: { least: number; most: number }): number => Math.min(most, Math.max(least, 3))

describe.each(VARIANTS)('%s %j', (name, settings, { specialists, parameters, result }) => {
  const count = countOf(specialists)
  // The weight of gains is a factor of the whole tensor, not of a change: a copy of the base stays the base at 1 alone.
  const weight = name === 'gains' ? fc.constant(1) : fc.double({ min: 0.1, max: 2, noNaN: true })
  const weights = fc.array(weight, { minLength: count + 1, maxLength: count + 1 })

  it('of copies of the base is the base', () => {
    // As factors, weights that do not add up to 1 change lengths.
    const given = 'weightsAs' in settings ? { ...settings, weightsAs: 'shares' } : settings
    fc.assert(
      fc.property(weights, fc.constantFrom(...SHAPES), (own, shape) => {
        const base = noise(size(shape), 1)
        expectClose(mergeTensor(name, given, own, Array(count + 1).fill(base) as Float32Array[], shape), base, ROUNDING)
      }),
      { numRuns: 12 },
    )
  })

  it('is finite, also where models are zero', () => {
    for (const shape of SHAPES)
      for (const zero of [0, 1]) {
        const models = Array.from({ length: count + 1 }, (_, m) =>
          m === zero ? new Float32Array(size(shape)) : noise(size(shape), m),
        )
        const merged = mergeTensor(
          name,
          settings,
          models.map(() => 0.5),
          models,
          shape,
        )
        expect(merged.every(Number.isFinite)).toBe(true)
      }
  })

  const scales = parameters.some(({ key }) => key === 'scale')
  if (scales)
    it('with scale 0 is the base', () => {
      for (const shape of SHAPES) {
        const models = Array.from({ length: count + 1 }, (_, m) => noise(size(shape), m))
        expectClose(
          mergeTensor(
            name,
            { ...settings, scale: 0 },
            models.map(() => 0.7),
            models,
            shape,
          ),
          models[0]!,
          ROUNDING,
        )
      }
    })

  if (isSymmetric(name, settings) && count > 1)
    it('does not depend on the order of specialists', () => {
      fc.assert(
        fc.property(weights, fc.constantFrom(...SHAPES), ([own, ...others], shape) => {
          const [base, ...models] = Array.from({ length: count + 1 }, (_, m) => noise(size(shape), m))
          const forth = mergeTensor(name, settings, [own!, ...others], [base!, ...models], shape)
          const back = mergeTensor(
            name,
            settings,
            [own!, ...others.toReversed()],
            [base!, ...models.toReversed()],
            shape,
          )
          expectClose(forth, back, result.kind === 'average' ? 1e-7 : 1e-10)
        }),
        { numRuns: 8 },
      )
    })
})

/** Others tell the first specialist from the second, or draw other random numbers for them. */
function isSymmetric(name: MethodName, settings: Record<string, unknown>): boolean {
  const roles = ['add-difference', 'train-difference', 'add-perpendicular']
  const random = ['dare', 'dare-ties', 'della', 'della-linear']
  return ![...roles, ...random].includes(name) && settings['stockForm'] !== 'neighbours'
}
