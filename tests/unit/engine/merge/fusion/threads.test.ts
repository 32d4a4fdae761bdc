import { createHash } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import type { InputColumns } from '../../../../../src-main/engine/merge/regression/column-system'
import { FusionLayer, type FusionOptions } from '../../../../../src-main/engine/merge/fusion/fusion-layer'
import { PLAIN_LAYER, TensorRows } from '../../../../../src-main/engine/merge/fusion/layer-rows'
import { RegressionLayer } from '../../../../../src-main/engine/merge/regression/regression-layer'
import { RegressionSessions } from '../../../../../src-main/engine/merge/regression/regression-sessions'
import { randomSamples } from '../../../../../src-main/engine/merge/jobs/layer-inputs'
import { FusionSessions, type FeatureSamples } from '../../../../../src-main/engine/merge/fusion/statistics'
import { threadLimit } from '../../../../../src-main/engine/runtime/product-sessions'
import { Kernels } from '../../../../../src-main/engine/tensor/kernels'
import { floatInputs, noise } from '../../tensor/inputs'

const THREADS = [1, 2, 3, 4, 7] as const
type Threads = (typeof THREADS)[number]

const fusion = new Map(THREADS.map((threads) => [threads, new FusionSessions('cpu', threads)]))
const regression = new Map(THREADS.map((threads) => [threads, new RegressionSessions('cpu', threads)]))
afterAll(async () => {
  for (const sessions of [...fusion.values(), ...regression.values()]) await sessions.release()
})

const never = async (): Promise<void> => {}

/** A base and two fine-tunes of it. */
function matrices(rows: number, inputs: number): Float32Array[] {
  const base = noise(rows * inputs, 7)
  return [0, 0.05, 0.4].map((change, m) => {
    const delta = noise(rows * inputs, 100 + m)
    return base.map((value, i) => value + change * delta[i]!)
  })
}

/** The merged values and all that is reported of them, as a hash. */
function digest(merged: Float32Array, result: unknown): string {
  return createHash('sha256').update(merged).update(JSON.stringify(result)).digest('hex')
}

/** What a layer's merge by correlations gives, by the number of threads. */
async function fused(
  [rows, inputs]: readonly [number, number],
  samples: FeatureSamples | null,
  options: Pick<FusionOptions, 'normaliser' | 'threshold'>,
): Promise<[Threads, string][]> {
  const weights = matrices(rows, inputs)
  const biases = weights.map((_, m) => Float64Array.from(noise(rows, 50 + m)))
  const layer = new TensorRows(floatInputs(weights), [rows, inputs], PLAIN_LAYER, 0, biases)
  const kernels = new Kernels(FusionLayer.memory(layer, samples?.count ?? null))
  const found: [Threads, string][] = []
  for (const [threads, sessions] of fusion) {
    const merged = new Float32Array(rows * inputs)
    const result = await new FusionLayer(layer, { ...options, weights: [1, 1, 0.5], samples }, sessions, kernels).merge(
      ({ start, count, weights: values }) => merged.set(values.floats(count * inputs), start * inputs),
      never,
    )
    found.push([threads, digest(merged, result)])
  }
  return found
}

/** What a layer's regression gives, by the number of threads. */
async function regressed([rows, inputs, columns]: readonly [number, number, number]): Promise<[Threads, string][]> {
  const weights = matrices(rows, inputs)
  const layer = new TensorRows(floatInputs(weights), [rows, inputs], PLAIN_LAYER, 0, null)
  const given: InputColumns = {
    counts: weights.map(() => columns),
    scratchBytes: () => 0,
    read: (model, into) => into.floats(columns * inputs).set(noise(columns * inputs, 200 + model)),
  }
  const settings = { weights: [1, 1, 0.5], ridge: 1 }
  const kernels = new Kernels(RegressionLayer.memory(layer, given, settings.weights))
  const found: [Threads, string][] = []
  for (const [threads, sessions] of regression) {
    const merged = new Float32Array(rows * inputs)
    const result = await new RegressionLayer(layer, given, settings, sessions, kernels).merge(
      ({ start, count, weights: values }) => merged.set(values.floats(count * inputs), start * inputs),
      never,
    )
    found.push([threads, digest(merged, result)])
  }
  return found
}

/** All as one thread has it. */
function expectEqual(found: readonly [Threads, string][], what: string): void {
  const others = found.filter(([, hash]) => hash !== found[0]![1]).map(([threads]) => threads)
  expect(others, `${what}: other bits with these numbers of threads`).toEqual([])
}

/** Shapes whose products the runtime divides into parts of few columns, or of one row. */
const SHAPES = [
  [40, 1440],
  [150, 320],
  [64, 160],
  [5, 1000],
  [1, 400],
] as const

const STATISTICS: [string, (inputs: number) => FeatureSamples | null][] = [
  ['exact', () => null],
  ['sampled (100)', (inputs) => randomSamples(inputs, 100, 0)],
  ['sampled (33)', (inputs) => randomSamples(inputs, 33, 0)],
  ['calibrated', (inputs) => ({ values: noise(inputs * 250, 9), count: 250, centred: true })],
]

describe('no bit of a merged layer depends on the number of threads', () => {
  const cases = STATISTICS.flatMap(([name, samplesFor]) =>
    [
      { normaliser: 'aligned', threshold: 'auto' },
      { normaliser: 'abs', threshold: 0.05 },
      { normaliser: 'paper', threshold: 0 },
    ].map((options) => [name, options as Pick<FusionOptions, 'normaliser' | 'threshold'>, samplesFor] as const),
  )

  it.each(cases)('by correlations: %s, %o', async (_, options, samplesFor) => {
    for (const shape of SHAPES) expectEqual(await fused(shape, samplesFor(shape[1]), options), `[${shape.join()}]`)
  })

  it.each([
    [40, 600, 70],
    [150, 300, 200],
    [5, 160, 33],
    [1, 400, 20],
  ] as const)('by regression: %i rows of %i on %i columns', async (...shape) => {
    expectEqual(await regressed(shape), `[${shape.join()}]`)
  })
})

describe('threads of a product', () => {
  it.each([
    ['one row', { rows: 1, columns: 5000, inner: 400 }, 1],
    ['one column', { rows: 5000, columns: 1, inner: 400 }, 1],
    ['parts of at least two rows', { rows: 9, columns: 9, inner: 400 }, 4],
    ['few terms', { rows: 9, columns: 90, inner: 128 }, Infinity],
    ['parts of more than 64 columns', { rows: 9, columns: 1280, inner: 129 }, 16],
    ['few columns', { rows: 9, columns: 64, inner: 400 }, 1],
  ])('%s', (_, size, expected) => expect(threadLimit(size)).toBe(expected))
})
