import fc from 'fast-check'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { FusionLayer, type FusionOptions } from '../../../../../src-main/engine/merge/fusion/fusion-layer'
import { PLAIN_LAYER, TensorRows } from '../../../../../src-main/engine/merge/fusion/layer-rows'
import { FusionSessions, type FeatureSamples } from '../../../../../src-main/engine/merge/fusion/statistics'
import { randomSamples } from '../../../../../src-main/engine/merge/jobs/layer-inputs'
import { Kernels } from '../../../../../src-main/engine/tensor/kernels'
import { floatInputs, noise } from '../../tensor/inputs'

/** With a screen, and with all products. */
const sessions = { screened: new FusionSessions('cpu', 2), whole: new FusionSessions('cpu', 2, false) }
afterAll(() => Promise.all(Object.values(sessions).map((all) => all.release())))
const never = async (): Promise<void> => {}

interface TestLayer {
  rows: number
  inputs: number
  models: Float32Array[]
  samples?: FeatureSamples | null
}

function fusionOf(
  which: keyof typeof sessions,
  { rows, inputs, models, samples = null }: TestLayer,
  options: Partial<FusionOptions>,
): FusionLayer {
  const biases = models.map((_, m) => Float64Array.from(noise(rows, 50 + m)))
  const layer = new TensorRows(floatInputs(models), [rows, inputs], PLAIN_LAYER, 0, biases)
  const all: FusionOptions = {
    normaliser: 'aligned',
    threshold: 'auto',
    weights: models.map((_, m) => 1 - m / 8),
    samples,
    ...options,
  }
  return new FusionLayer(layer, all, sessions[which], new Kernels(FusionLayer.memory(layer, samples?.count ?? null)))
}

/** All that a merge gives, and the contributions of all models. */
async function everything(which: keyof typeof sessions, layer: TestLayer, options: Partial<FusionOptions>) {
  const { rows, inputs, models } = layer
  const merged = new Float32Array(rows * inputs)
  const result = await fusionOf(which, layer, options).merge(
    ({ start, count, weights }) => merged.set(weights.floats(count * inputs), start * inputs),
    never,
  )
  const sums = models.map(() => new Float64Array(rows * inputs))
  const contributions = await fusionOf(which, layer, options).contributions(
    [...models.keys()],
    (model, { start, count, sums: own }) => sums[model]!.set(own.doubles(count * inputs), start * inputs),
    never,
  )
  return { merged, result, sums, contributions }
}

const bytesOf = ({ buffer }: Float64Array): Buffer => Buffer.from(buffer)

async function expectSame(layer: TestLayer, options: Partial<FusionOptions> = {}): Promise<void> {
  const screened = await everything('screened', layer, options)
  const whole = await everything('whole', layer, options)
  expect(Buffer.from(screened.merged.buffer).equals(Buffer.from(whole.merged.buffer))).toBe(true)
  expect(screened.result).toEqual(whole.result)
  screened.sums.forEach((sums, m) => expect(Buffer.compare(bytesOf(sums), bytesOf(whole.sums[m]!))).toBe(0))
  expect(screened.contributions).toEqual(whole.contributions)
}

/** A base and fine-tunes of it: every row moved by noise of `drift` times its length. */
function family(rows: number, inputs: number, models: number, drift: number, seed = 1): Float32Array[] {
  const base = noise(rows * inputs, seed)
  return Array.from({ length: models }, (_, m) => {
    const delta = noise(rows * inputs, seed + 100 + m)
    return m === 0 ? base : base.map((value, i) => value + drift * delta[i]!)
  })
}

/** Ways of making rows that a screen could get wrong, each for row `to` of a model from row `from` of the base. */
const TRICKS = {
  /** The same direction: an entry off the own rows. */
  copied: (from: Float32Array) => from.slice(),
  opposite: (from: Float32Array) => from.map((value) => -value),
  scaled: (from: Float32Array) => from.map((value) => value * 1000),
  tiny: (from: Float32Array) => from.map((value) => value * 1e-18),
  dead: (from: Float32Array) => new Float32Array(from.length),
  /** Near the threshold of 0.9, on both sides. */
  near: (from: Float32Array, seed: number) => {
    const other = noise(from.length, seed)
    const length = Math.hypot(...from) / Math.hypot(...other)
    const cosine = 0.9 + ((seed % 7) - 3) * 1e-7
    return from.map((value, i) => cosine * value + Math.sqrt(1 - cosine ** 2) * length * other[i]!)
  },
  unrelated: (from: Float32Array, seed: number) => noise(from.length, seed),
} as const

const trick = fc.record({
  kind: fc.constantFrom(...(Object.keys(TRICKS) as (keyof typeof TRICKS)[])),
  model: fc.nat(),
  from: fc.nat(),
  to: fc.nat(),
  seed: fc.integer({ min: 1, max: 1000 }),
})

describe('a layer merged with a screen is what all its products give', () => {
  it.each([
    [200, 300, 3],
    [160, 1000, 4],
    [700, 100, 2],
    [2700, 70, 2],
    [1290, 130, 2],
    [66, 2000, 8],
    [641, 140, 3],
    [65, 200, 2],
    [20, 400, 3],
  ])('%i rows of %i, %i models', async (rows, inputs, models) => {
    await expectSame({ rows, inputs, models: family(rows, inputs, models, 0.05) })
  })

  it('whatever rows resemble each other', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 60, max: 260 }),
        fc.integer({ min: 20, max: 500 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(0, 0.01, 0.1, 0.3, 0.5, 2),
        fc.array(trick, { maxLength: 12 }),
        fc.constantFrom<FusionOptions['threshold']>('auto', 0.9, 0.5, 0.999999, 1, 2, 1e-3),
        fc.constantFrom<FusionOptions['normaliser']>('aligned', 'abs'),
        async (rows, inputs, count, drift, tricks, threshold, normaliser) => {
          const models = family(rows, inputs, count, drift)
          for (const { kind, model, from, to, seed } of tricks) {
            const start = (from % rows) * inputs
            const made = TRICKS[kind](models[0]!.slice(start, start + inputs), seed)
            models[model % count]!.set(made, (to % rows) * inputs)
          }
          await expectSame({ rows, inputs, models }, { threshold, normaliser })
        },
      ),
      { numRuns: 60 },
    )
  }, 120_000)

  it.each([
    ['sampled', (inputs: number) => randomSamples(inputs, 400, 3)],
    ['sampled by few', (inputs: number) => randomSamples(inputs, 90, 3)],
    ['calibrated', (inputs: number): FeatureSamples => ({ values: noise(inputs * 250, 9), count: 250, centred: true })],
    [
      'of moments',
      (inputs: number): FeatureSamples => ({ values: noise(inputs * inputs, 9), count: inputs, centred: false }),
    ],
  ])('with statistics that are %s', async (_, samplesFor) => {
    const [rows, inputs] = [300, 150]
    const models = family(rows, inputs, 3, 0.05)
    models[1]!.set(models[0]!.subarray(0, inputs), 40 * inputs)
    await expectSame({ rows, inputs, models, samples: samplesFor(inputs) }, { threshold: 0.8 })
  })

  it('where the models have their rows in another order', async () => {
    const [rows, inputs] = [200, 300]
    const models = family(rows, inputs, 3, 0.05)
    models[2] = Float32Array.from({ length: rows * inputs }, (_, i) => {
      const row = (Math.floor(i / inputs) * 7) % rows
      return models[2]![row * inputs + (i % inputs)]!
    })
    await expectSame({ rows, inputs, models }, { threshold: 0.9 })
  })
})

describe('a screen', () => {
  /** Products of whole tiles that a merge takes. */
  async function tiles(layer: TestLayer, options: Partial<FusionOptions> = {}): Promise<number> {
    const spy = vi.spyOn(sessions.screened, 'tile')
    await fusionOf('screened', layer, options).merge(() => {}, never)
    const { length } = spy.mock.calls
    spy.mockRestore()
    return length
  }

  it('leaves out all products of fine-tunes of one base', async () => {
    expect(await tiles({ rows: 300, inputs: 700, models: family(300, 700, 4, 0.1) })).toBe(0)
  })

  it('leaves out those of tiles in which no two rows resemble each other', async () => {
    const [rows, inputs] = [1300, 300]
    const models = family(rows, inputs, 3, 0.05)
    for (const model of models) model.copyWithin(1200 * inputs, 7 * inputs, 8 * inputs)
    // Base rows come in 640, 640 and 20 against all rows of a model: the two rows are in the first two tiles.
    expect(await tiles({ rows, inputs, models }, { weights: [1, 1, 0] })).toBe(4)
    expect(await tiles({ rows, inputs, models: family(rows, inputs, 3, 0.05) })).toBe(0)
  })

  it('computes all products of a model that is far from the base, whatever the others are', async () => {
    const [rows, inputs] = [200, 300]
    const models = [...family(rows, inputs, 2, 0.05), noise(rows * inputs, 7)]
    expect(await tiles({ rows, inputs, models }, { threshold: 0.9 })).toBe(1)
    await expectSame({ rows, inputs, models }, { threshold: 0.9 })
  })

  it('computes all products of unrelated models, and all without a threshold', async () => {
    const models = [noise(200 * 90, 1), noise(200 * 90, 2)]
    expect(await tiles({ rows: 200, inputs: 90, models }, { weights: [0, 1] })).toBe(1)
    expect(await tiles({ rows: 200, inputs: 90, models: family(200, 90, 2, 0.05) }, { threshold: 0 })).toBe(2)
  })
})
