import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { METHODS } from '../../../../src-main/contract/methods/index'
import { methodSchema, type MethodName } from '../../../../src-main/contract/document/project'
import { methodNamed } from '../../../../src-main/engine/merge/methods/index'
import type { MatrixMethod } from '../../../../src-main/engine/merge/methods/method'
import { TorchGenerator } from '../../../../src-main/engine/random'
import { mergeMatrix } from '../../../golden-runner/ops/matrix-merges'
import { floatInputs, noise } from '../tensor/inputs'

const MATRIX_METHODS = METHODS.filter(({ kind }) => kind === 'matrix')
const VARIANTS = MATRIX_METHODS.flatMap((method) => {
  const choices = method.parameters.flatMap((parameter) =>
    parameter.kind === 'choice' ? parameter.choices.map(({ value }) => ({ [parameter.key]: value })) : [],
  )
  return [{}, ...choices].map((settings) => [method.name, settings, method] as const)
})

function merge(
  name: MethodName,
  given: object,
  weights: readonly number[],
  models: readonly Float32Array[],
  shape: readonly number[],
) {
  const method = methodNamed(name) as MatrixMethod
  return mergeMatrix({
    method,
    settings: methodSchema.parse({ name, ...given }),
    weights,
    inputs: floatInputs(models),
    shape,
  })
}

/** Small layers, in float64: wide, tall, square, convolutions, one row, one column. */
const SMALL = [
  [5, 6],
  [9, 4],
  [7, 7],
  [4, 3, 2, 2],
  [1, 9],
  [9, 1],
] as const
/** A layer that is merged in float32. */
const LARGE = [70, 90] as const
const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1)
const models = (count: number, shape: readonly number[]): Float32Array[] =>
  Array.from({ length: count + 1 }, (_, m) => noise(size(shape), m))

function distance(a: Float64Array, b: ArrayLike<number>): number {
  const worst = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
  return Number.isNaN(worst) ? Infinity : worst
}

const countOf = ({ least, most }: { least: number; most: number }): number => Math.min(most, Math.max(least, 3))

describe.each(VARIANTS)('%s %j', (name, settings, { specialists, parameters }) => {
  const count = countOf(specialists)
  const weight = fc.double({ min: 0.1, max: 2, noNaN: true })
  const weights = fc.array(weight, { minLength: count + 1, maxLength: count + 1 })

  it('of copies of the base is the base, exactly', async () => {
    for (const shape of [...SMALL, LARGE]) {
      const base = noise(size(shape), 1)
      const { merged } = await merge(
        name,
        settings,
        Array<number>(count + 1).fill(0.8),
        Array(count + 1).fill(base) as Float32Array[],
        shape,
      )
      expect(distance(merged, base)).toBe(0)
    }
  })

  it('is finite, also where models are zero, and where nobody has a weight', async () => {
    for (const shape of [...SMALL, LARGE])
      for (const zero of [0, 1]) {
        const all = models(count, shape).map((model, m) => (m === zero ? new Float32Array(model.length) : model))
        for (const weight of [0.5, 0])
          expect(
            (
              await merge(
                name,
                settings,
                all.map(() => weight),
                all,
                shape,
              )
            ).merged.every(Number.isFinite),
          ).toBe(true)
      }
  })

  if (parameters.some(({ key }) => key === 'scale') && !('calibrated' in settings && settings.calibrated === 'first'))
    it('with scale 0 is the base, exactly', async () => {
      for (const shape of [...SMALL, LARGE]) {
        const all = models(count, shape)
        const { merged } = await merge(
          name,
          { ...settings, scale: 0 },
          all.map(() => 0.7),
          all,
          shape,
        )
        expect(distance(merged, all[0]!)).toBe(0)
      }
    })

  if (name !== 'np-lora' && !('calibrated' in settings && settings.calibrated === 'first'))
    it('does not depend on the order of specialists', async () => {
      await fc.assert(
        fc.asyncProperty(weights, fc.constantFrom(...SMALL, LARGE), async ([own, ...others], shape) => {
          const [base, ...rest] = models(count, shape)
          const forth = await merge(name, settings, [own!, ...others], [base!, ...rest], shape)
          const back = await merge(name, settings, [own!, ...others.toReversed()], [base!, ...rest.toReversed()], shape)
          // By float64 and by float32, times what directions that are nearly one amplify.
          expect(distance(forth.merged, back.merged)).toBeLessThan(shape === LARGE ? 1e-2 : 1e-9)
        }),
        { numRuns: 6 },
      )
    })
})

describe.each(['tsv', 'data-free-regression'] as const)('%s', (name) => {
  it('of one specialist is that specialist', async () => {
    for (const shape of [...SMALL, LARGE]) {
      const [base, only] = models(1, shape)
      const { merged } = await merge(name, {}, [1, 1], [base!, only!], shape)
      expect(distance(merged, only!)).toBeLessThan(shape === LARGE ? 1e-4 : 1e-12)
    }
  })
})

describe('what matrix methods do', () => {
  it('Iso-C makes all directions equally strong', async () => {
    const shape = [6, 10]
    const [base, ...rest] = models(2, shape)
    const { merged } = await merge('iso-c', {}, [1, 1, 1], [base!, ...rest], shape)
    const change = merged.map((value, at) => value - base![at]!)
    const gram = Array.from({ length: 36 }, (_, at) => {
      let sum = 0
      for (let k = 0; k < 10; k++) sum += change[Math.floor(at / 6) * 10 + k]! * change[(at % 6) * 10 + k]!
      return sum
    })
    gram.forEach((value, at) => expect(value).toBeCloseTo(at % 7 === 0 ? gram[0]! : 0, 6))
  })

  it('a hard projection takes all of the content out of the style’s directions', async () => {
    const shape = [6, 10]
    const zero = new Float32Array(60)
    const [, content] = models(1, shape)
    const style = zero.map((_, at) => (at % 10 === 3 ? 1 : 0))
    const { merged } = await merge('np-lora', { projection: 'hard' }, [1, 1, 1], [zero, content!, style], shape)
    merged.forEach((value, at) => expect(value).toBeCloseTo(at % 10 === 3 ? 1 : content![at]!, 6))
  })

  it('calibration halves a direction that two specialists share', async () => {
    const zero = new Float32Array(12)
    const shared = zero.map((_, at) => (at === 0 ? 2 : 0))
    const { merged } = await merge('svc', {}, [1, 1, 1], [zero, shared, shared], [3, 4])
    expect([...merged]).toEqual(
      Array.from({ length: 12 }, (_, at) => (at === 0 ? expect.closeTo(2, 9) : 0)) as number[],
    )
  })
})

describe('changes of low rank', () => {
  const rank = 2
  const generator = new TorchGenerator(2)
  const factors = [1, 2, 3].map(() => [generator.randn(20 * rank), generator.randn(rank * 30)] as const)

  /** What adapters make of a base, rounded to float32. */
  const specialists = (base: Float32Array): Float32Array[] =>
    factors.map(([up, down]) =>
      base.map((value, at) => {
        let sum = value
        for (let k = 0; k < rank; k++) sum += 0.05 * up[Math.floor(at / 30) * rank + k]! * down[k * 30 + (at % 30)]!
        return sum
      }),
    )

  // Rounding differs from base to base: directions that are nothing else would change a merge beyond all bounds.
  it.each(['tsv', 'iso-c', 'iso-cts', 'score'] as const)(
    'are merged by %s without what rounding makes',
    async (name) => {
      const found = await Promise.all(
        [1, 2].map(async (seed) => {
          const base = noise(600, seed)
          const { merged, rank: told } = await merge(name, {}, [1, 1, 1, 1], [base, ...specialists(base)], [20, 30])
          expect(told!.taken).toBe(3 * rank)
          expect(told!.wanted).toBeGreaterThan(told!.taken)
          return merged.map((value, at) => value - base[at]!)
        }),
      )
      expect(distance(found[0]!, found[1]!)).toBeLessThan(1e-4)
      expect(found[0]!.reduce((most, value) => Math.max(most, Math.abs(value)), 0)).toBeGreaterThan(0.05)
    },
  )

  it('merge to the same where two are one and the same', async () => {
    const base = noise(600, 5)
    const [first] = specialists(base)
    const { merged } = await merge('tsv', {}, [1, 1, 1], [base, first!, first!], [20, 30])
    expect(distance(merged, first!)).toBeLessThan(1e-5)
  })
})
