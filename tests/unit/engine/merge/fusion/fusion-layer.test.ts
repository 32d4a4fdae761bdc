import { afterAll, describe, expect, it } from 'vitest'
import {
  FusionLayer,
  type FusionOptions,
  type FusionResult,
} from '../../../../../src-main/engine/merge/fusion/fusion-layer'
import { PLAIN_LAYER, TensorRows, type LayerKind } from '../../../../../src-main/engine/merge/fusion/layer-rows'
import { randomSamples } from '../../../../../src-main/engine/merge/jobs/layer-inputs'
import { FusionSessions } from '../../../../../src-main/engine/merge/fusion/statistics'
import { Kernels } from '../../../../../src-main/engine/tensor/kernels'
import { floatInputs, noise } from '../../tensor/inputs'

const sessions = new FusionSessions('cpu')
afterAll(() => sessions.release())
const never = async (): Promise<void> => {}

interface TestLayer {
  shape: readonly number[]
  weights: readonly Float32Array[]
  biases?: readonly Float64Array[]
  kind?: LayerKind
  group?: number
}

async function merged(
  { shape, weights, biases, kind = PLAIN_LAYER, group = 0 }: TestLayer,
  options: Partial<FusionOptions> = {},
): Promise<FusionResult & { rows: Float32Array }> {
  const layer = new TensorRows(floatInputs(weights), shape, kind, group, biases ?? null)
  const all: FusionOptions = {
    normaliser: 'aligned',
    threshold: 'auto',
    weights: weights.map(() => 1),
    samples: null,
    ...options,
  }
  const kernels = new Kernels(FusionLayer.memory(layer, all.samples?.count ?? null))
  const rows = new Float32Array(layer.rows * layer.inputs)
  const write = ({ start, count, weights: values }: Parameters<Parameters<FusionLayer['merge']>[0]>[0]): void =>
    rows.set(values.floats(count * layer.inputs), start * layer.inputs)
  const result = await new FusionLayer(layer, all, sessions, kernels).merge(write, never)
  return { ...result, rows }
}

/** A base and fine-tunes of it. */
function family(count: number, models: number, change = 0.05): Float32Array[] {
  const base = noise(count, 7)
  return Array.from({ length: models }, (_, m) => {
    const delta = noise(count, 100 + m)
    return m === 0 ? base : base.map((value, i) => value + change * delta[i]!)
  })
}

function furthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
}

const OPTIONS: Partial<FusionOptions>[] = [
  { normaliser: 'aligned', threshold: 'auto' },
  { normaliser: 'aligned', threshold: 0 },
  { normaliser: 'abs', threshold: 0.3 },
]

describe('a layer merged by its rows', () => {
  it.each(OPTIONS)('does not depend on the order of specialists: %o', async (options) => {
    const weights = family(24 * 40, 4, 0.3)
    const biases = weights.map((_, m) => Float64Array.from(noise(24, 50 + m)))
    const order = [0, 3, 1, 2]
    const alpha = [1, 0.5, 2, 1.5]
    const a = await merged({ shape: [24, 40], weights, biases }, { ...options, weights: alpha })
    const b = await merged(
      { shape: [24, 40], weights: order.map((m) => weights[m]!), biases: order.map((m) => biases[m]!) },
      { ...options, weights: order.map((m) => alpha[m]!) },
    )
    expect(furthest(a.rows, b.rows)).toBeLessThan(2e-6)
    expect(furthest(a.bias!, b.bias!)).toBeLessThan(2e-6)
    expect(furthest(a.z, b.z)).toBeLessThan(2e-6 * Math.max(...a.z))
  })

  it.each([2, 3, 5])('of %i copies is the layer itself, within float32 noise', async (copies) => {
    const base = noise(64 * 72, 5)
    const bias = Float64Array.from(noise(64, 6))
    const models = Array.from({ length: copies }, () => base)
    const result = await merged({ shape: [64, 8, 3, 3], weights: models, biases: models.map(() => bias) })
    expect(result.report.threshold).toBe(0.9)
    expect(furthest(result.rows, base)).toBeLessThan(1e-6)
    expect(furthest(result.bias!, bias)).toBeLessThan(1e-6)
    expect(result.report).toMatchObject({ deadRows: 0, rowsWithoutWeight: 0, offOwnShare: expect.closeTo(0, 5) })
  })

  it('compares rows within their group only', async () => {
    const [groups, rows, inputs] = [3, 8, 10]
    const weights = family(groups * rows * inputs, 3, 0.4)
    const biases = weights.map((_, m) => Float64Array.from(noise(groups * rows, 80 + m)))
    const kind = { transposedConvolution: false, groups }
    for (let group = 0; group < groups; group++) {
      const part = <T extends Float32Array | Float64Array>(values: T, size: number): T =>
        values.slice(group * rows * size, (group + 1) * rows * size) as T
      const whole = await merged(
        { shape: [groups * rows, inputs], weights, biases, kind, group },
        { threshold: 0, normaliser: 'abs' },
      )
      const alone = await merged(
        {
          shape: [rows, inputs],
          weights: weights.map((values) => part(values, inputs)),
          biases: biases.map((values) => part(values, 1)),
        },
        { threshold: 0, normaliser: 'abs' },
      )
      expect(whole.rows).toEqual(alone.rows)
      expect(whole.bias).toEqual(alone.bias)
      expect(whole.report).toEqual(alone.report)
    }
  })

  it('swaps the axes of a transposed convolution', async () => {
    const [inputs, outputs, area] = [6, 12, 4]
    const weights = family(inputs * outputs * area, 3, 0.3)
    const swapped = weights.map((values) =>
      values.map((_, i) => {
        const [output, input, at] = [Math.floor(i / (inputs * area)), Math.floor(i / area) % inputs, i % area]
        return values[(input * outputs + output) * area + at]!
      }),
    )
    const kind = { transposedConvolution: true, groups: 1 }
    const transposed = await merged({ shape: [inputs, outputs, 2, 2], weights, kind }, { threshold: 0 })
    const plain = await merged({ shape: [outputs, inputs, 2, 2], weights: swapped }, { threshold: 0 })
    expect(transposed.rows).toEqual(plain.rows)
  })

  it('comes closer to the exact statistics as 1/√S with S samples', async () => {
    const layer = { shape: [32, 24], weights: family(32 * 24, 3, 0.5) }
    const options = { threshold: 0, normaliser: 'abs' } as const
    const exact = await merged(layer, options)
    const error = async (count: number): Promise<number> => {
      let sum = 0
      for (let seed = 0; seed < 4; seed++) {
        const { rows } = await merged(layer, { ...options, samples: randomSamples(24, count, seed) })
        sum += rows.reduce((squares, value, i) => squares + (value - exact.rows[i]!) ** 2, 0)
      }
      return Math.sqrt(sum)
    }
    const [few, more, many] = [await error(500), await error(8_000), await error(128_000)]
    expect(few / more).toBeGreaterThan(2.5)
    expect(few / more).toBeLessThan(6.5)
    expect(more / many).toBeGreaterThan(2.5)
    expect(more / many).toBeLessThan(6.5)
  })

  it('takes the weighted mean where nothing is left or nothing was, and says so', async () => {
    const base = noise(8 * 16, 1)
    base.fill(0, 0, 16)
    const other = noise(8 * 16, 2)
    const shares = { weights: [0, 2], threshold: 0.99 }
    const result = await merged({ shape: [8, 16], weights: [base, other] }, shares)
    expect(result.report).toMatchObject({ deadRows: 1, rowsWithoutWeight: 7, shares: [0, 1] })
    expect(result.rows).toEqual(other)
    const dead = await merged({ shape: [8, 16], weights: [new Float32Array(128), other] }, { weights: [1, 3] })
    expect(dead.report).toMatchObject({ deadRows: 8, normRatio: 1, shares: [0.25, 0.75] })
    expect(
      furthest(
        dead.rows,
        other.map((value) => 0.75 * value),
      ),
    ).toBeLessThan(1e-7)
  })

  it('without a model is the layer without it in the list', async () => {
    const weights = family(20 * 30, 3, 0.3)
    const all = { shape: [20, 30], weights }
    const two = { shape: [20, 30], weights: weights.slice(0, 2) }
    const options = { threshold: 0.2, normaliser: 'aligned' } as const
    const unlearned = await merged(all, { ...options, weights: [1, 1, 0] })
    const never = await merged(two, options)
    expect(unlearned.rows).toEqual(never.rows)
    expect(unlearned.z).toEqual(never.z)
  })
})
