import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LayerSummary, WeightAdvice } from '../../../../src-main/contract/inspect'
import { modelSchema, type ModelEntry } from '../../../../src-main/contract/document/project'
import { suggestWeights } from '../../../../src-main/engine/inspect/suggest-weights'

/** Changes of one layer, a vector per specialist, as `inspect` sums them up; the base's layer has length 1. */
function rowOf(deltas: readonly (readonly number[])[], block = 'IN00', layer = `${block}.weight`): LayerSummary {
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0)
  const length = (a: readonly number[]): number => Math.sqrt(dot(a, a))
  const perModel = [0, ...deltas].map(() => 0)
  const unknown = { minZ: 1, maxKappa: 1, meanKappa: 1, shares: perModel }
  return {
    layer,
    component: 'unet',
    block,
    rows: 1,
    inputs: deltas[0]!.length,
    deltaNormRatio: deltas.map(length),
    baseNorm: 1,
    deltaCosine: [],
    deltaCorrelation: deltas.flatMap((a) =>
      deltas.map((b) => (length(a) * length(b) > 0 ? dot(a, b) / (length(a) * length(b)) : null)),
    ),
    deltaRowSpread: [],
    weightCosine: [],
    meanMaxAbsP: perModel,
    meanAbsP: perModel,
    meanOwnP: perModel,
    ownRowIsBest: perModel,
    deadBaseRows: 0,
    normalisers: { aligned: unknown, paper: unknown, abs: unknown },
  }
}

const letters = ['a', 'b', 'c', 'd', 'e', 'f']

function modelsOf(count: number, change: (name: string) => Partial<ModelEntry> = () => ({})): ModelEntry[] {
  const names = ['root', ...letters.slice(0, count)]
  return names.map((name) => ({ ...modelSchema.parse({ name, path: name }), ...change(name) }))
}

function advise(rows: readonly LayerSummary[], models: readonly ModelEntry[]): WeightAdvice[] {
  return suggestWeights(
    models.map(({ name }) => name),
    rows,
    models,
  )
}

const weightsOf = ({ specialists }: WeightAdvice): number[] => specialists.map((one) => one.suggestedWeight)

/** Parts that specialists would have with the weights suggested. */
function partsWith(advice: WeightAdvice, deltas: readonly (readonly number[])[]): number[] {
  const weights = weightsOf(advice)
  const merged = deltas[0]!.map((_, i) => deltas.reduce((sum, delta, m) => sum + weights[m]! * delta[i]!, 0))
  const square = merged.reduce((sum, x) => sum + x * x, 0)
  return deltas.map((delta, m) => (weights[m]! * delta.reduce((sum, x, i) => sum + x * merged[i]!, 0)) / square)
}

/** Two to six specialists in general position, of lengths that differ at most twentyfold. */
const family = fc.integer({ min: 2, max: 6 }).chain((count) =>
  fc.record({
    deltas: fc.array(
      fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 12, maxLength: 12 }).map((delta) => [...delta, 4]),
      { minLength: count, maxLength: count },
    ),
    weights: fc.array(fc.double({ min: 0.1, max: 2, noNaN: true }), { minLength: count, maxLength: count }),
  }),
)
const weighed = (weights: readonly number[]) => (name: string) => ({ weight: weights[letters.indexOf(name)] ?? 1 })

describe('suggested weights', () => {
  it('keep the sum, are positive, and give every specialist an equal part', () => {
    fc.assert(
      fc.property(family, ({ deltas, weights }) => {
        const [advice] = advise([rowOf(deltas)], modelsOf(deltas.length, weighed(weights)))
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        expect(weightsOf(advice!).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(total, 4)
        for (const weight of weightsOf(advice!)) expect(weight).toBeGreaterThan(0)
        expect(advice!.specialists.reduce((sum, { part }) => sum + part, 0)).toBeCloseTo(1, 6)
        if (!advice!.suggested) {
          expect(weightsOf(advice!)).toEqual(weights)
          return
        }
        expect(advice!.agreement.suggested - advice!.agreement.now).toBeGreaterThanOrEqual(0.05)
        for (const part of partsWith(advice!, deltas)) expect(part * deltas.length).toBeCloseTo(1, 1)
      }),
    )
  })

  it('do not depend on the order of the specialists', () => {
    fc.assert(
      fc.property(family, ({ deltas, weights }) => {
        const [advice] = advise([rowOf(deltas)], modelsOf(deltas.length, weighed(weights)))
        const [turned] = advise(
          [rowOf([...deltas].reverse())],
          modelsOf(deltas.length, weighed([...weights].reverse())),
        )
        weightsOf(turned!)
          .reverse()
          .forEach((weight, m) => expect(weight).toBeCloseTo(weightsOf(advice!)[m]!, 1))
      }),
    )
  })

  it('are not suggested again once they are taken', () => {
    fc.assert(
      fc.property(family, ({ deltas }) => {
        const [advice] = advise([rowOf(deltas)], modelsOf(deltas.length))
        const [again] = advise([rowOf(deltas)], modelsOf(deltas.length, weighed(weightsOf(advice!))))
        expect(again!.suggested).toBe(false)
      }),
    )
  })

  it('raise the smaller of two that oppose each other, and say so', () => {
    const deltas = [
      [1, 0],
      [-1.8, 2.4],
    ]
    const [advice] = advise([rowOf(deltas)], modelsOf(2))
    expect(advice!.suggested).toBe(true)
    expect(advice!.specialists[0]!.part).toBeLessThan(0)
    const [small, large] = weightsOf(advice!)
    expect(small! / large!).toBeCloseTo(3, 1)
    expect(advice!.reason).toBe(
      'a and b change the network in opposite directions (correlation −0.60), and the change of b is 3.0 × as large as that of a.',
    )
  })

  it('cannot help two that oppose each other equally hard', () => {
    for (const deltas of [
      [
        [1, 0],
        [-0.6, 0.8],
      ],
      [
        [1, 0],
        [-1, 0],
      ],
    ]) {
      const [advice] = advise([rowOf(deltas)], modelsOf(2))
      expect(advice!.suggested).toBe(false)
      expect(weightsOf(advice!)).toEqual([1, 1])
      expect(advice!.reason).toMatch(/^No suggestion: a and b change the network in opposite directions/)
    }
  })

  it('leave alone what agrees or has nothing in common', () => {
    const apart = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]
    const alike = apart.map(() => [1, 0, 0])
    for (const deltas of [apart, alike]) {
      const [advice] = advise([rowOf(deltas)], modelsOf(3))
      expect(advice!.suggested).toBe(false)
      expect(advice!.reason).toMatch(/^No suggestion: these specialists agree, or change different directions/)
    }
  })

  it('count copies of one specialist as one voice, with equal weights', () => {
    const deltas = [
      [1, 0],
      [1, 0],
      [0, 1],
    ]
    const [advice] = advise([rowOf(deltas)], modelsOf(3))
    const [first, second, other] = weightsOf(advice!)
    expect(first).toBeCloseTo(second!, 2)
    expect(other! / first!).toBeCloseTo(Math.SQRT2, 1)
  })

  it('sum layers up by block, and blocks without own weights for the network', () => {
    const strongA = [
      [4, 0],
      [0, 1],
    ]
    const strongB = [
      [0, 1],
      [4, 0],
    ]
    const rows = [rowOf(strongA, 'IN00'), rowOf(strongB, 'M00')]
    const advice = advise(rows, modelsOf(2))
    expect(advice.map(({ block, suggested }) => [block, suggested])).toEqual([
      [null, false],
      ['IN00', true],
      ['M00', true],
    ])
    expect(weightsOf(advice[1]!)).toEqual([0.4, 1.6])
    expect(weightsOf(advice[2]!)).toEqual([1.6, 0.4])
    const own = advise(
      rows,
      modelsOf(2, (name) => ({ blocks: name === 'a' ? { IN00: 0.5 } : {} })),
    )
    expect(weightsOf(own[0]!)).toEqual([1.6, 0.4])
    expect(weightsOf(own[1]!).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1.5, 6)
  })

  it('leave out who is dropped, weighs nothing or hardly changed a layer', () => {
    const deltas = [
      [4, 0, 0],
      [0, 1, 0],
      [0, 0, 2],
    ]
    const names = (advice: readonly WeightAdvice[]): string[] => advice[0]!.specialists.map(({ name }) => name)
    const dropped = modelsOf(3, (name) => (name === 'b' ? { enabled: false } : {}))
    expect(names(advise([rowOf(deltas)], dropped))).toEqual(['a', 'c'])
    const weightless = modelsOf(3, (name) => (name === 'c' ? { weight: 0 } : {}))
    expect(names(advise([rowOf(deltas)], weightless))).toEqual(['a', 'b'])
    expect(names(advise([rowOf([[4, 0, 0], [0, 1e-4, 0], deltas[2]!])], modelsOf(3)))).toEqual(['a', 'c'])
    expect(
      advise(
        [
          rowOf([
            [4, 0],
            [0, 0],
          ]),
        ],
        modelsOf(2),
      ),
    ).toEqual([])
  })

  it('are none where a specialist is unknown to the rows, and skip layers without a base', () => {
    const deltas = [
      [4, 0],
      [0, 1],
    ]
    expect(suggestWeights(['root', 'a'], [rowOf([[1]])], modelsOf(2))).toEqual([])
    const broken = { ...rowOf(deltas), deltaNormRatio: [Infinity, Infinity] }
    expect(advise([rowOf(deltas), broken], modelsOf(2))).toEqual(advise([rowOf(deltas)], modelsOf(2)))
  })
})
