import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { forecast, type Forecast } from '../../../../src-main/engine/merge/forecast'
import { planMerge } from '../../../../src-main/engine/merge/open-model'
import { noise } from '../tensor/inputs'
import { projectOf, temporaryFolder, tensor, writeModel } from './models'

const [ROWS, INPUTS, LAYERS] = [256, 256, 7]

/** Models of some linear layers: a base, and others that are as far from it as is said. */
function writeModels(drifts: readonly number[]): string[] {
  const place = temporaryFolder()
  return [0, ...drifts].map((drift, model) => {
    const layers = Array.from({ length: LAYERS }, (_, layer) => {
      const base = noise(ROWS * INPUTS, layer + 1)
      const delta = noise(ROWS * INPUTS, 100 * model + layer)
      const values = drift === Infinity ? delta : base.map((value, i) => value + drift * delta[i]!)
      return [`layer${layer}.weight`, tensor([ROWS, INPUTS], values)] as const
    })
    return writeModel(join(place, `m${model}.safetensors`), Object.fromEntries(layers))
  })
}

async function forecastOf(drifts: readonly number[], settings = {}): Promise<Forecast> {
  return forecast(
    await planMerge(
      projectOf(
        writeModels(drifts).map((path) => ({ path })),
        settings,
      ),
    ),
    'cpu',
  )
}

describe('the forecast of a merge by correlations', () => {
  it('leaves products out of fine-tunes, not of models that are far from the base', async () => {
    const all = 4 * ROWS * ROWS * INPUTS * LAYERS * 3
    const [near, one, far] = await Promise.all([
      forecastOf([0.1, 0.1]),
      forecastOf([0.1, Infinity]),
      forecastOf([Infinity, Infinity]),
    ])
    expect(near.flops).toBeLessThan(all / 4)
    expect(one.flops).toBeGreaterThan(all / 3)
    expect(far.flops).toBeGreaterThan(one.flops)
  })

  it('counts all products where there is no threshold, and no base rows are looked at', async () => {
    const whole = await forecastOf([0.1, 0.1], { threshold: 0 })
    expect(whole.flops).toBe(4 * ROWS * ROWS * INPUTS * LAYERS * 3)
  })
})
