import { existsSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { TorchGenerator } from '../../../../src-main/engine/random'
import { FusionLayer, type FusionOptions } from '../../../../src-main/engine/merge/fusion/fusion-layer'
import { PLAIN_LAYER, TensorRows } from '../../../../src-main/engine/merge/fusion/layer-rows'
import { randomSamples } from '../../../../src-main/engine/merge/jobs/layer-inputs'
import { FusionSessions } from '../../../../src-main/engine/merge/fusion/statistics'
import { probeProviders } from '../../../../src-main/engine/runtime/providers'
import type { Provider } from '../../../../src-main/engine/runtime/session'
import { Kernels } from '../../../../src-main/engine/tensor/kernels'

/** Debian's Chromium ships a Vulkan driver that needs no GPU. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'
if (existsSync(SWIFTSHADER)) process.env['VK_ICD_FILENAMES'] ??= SWIFTSHADER
// The driver alone is not enough: Chromium may be there without libvulkan1.
const webgpu = (await probeProviders()).find(({ provider }) => provider === 'webgpu')!

const [MODELS, ROWS, INPUTS] = [3, 160, 48]
const base = new TorchGenerator(1).randn(ROWS * INPUTS)
const weights = Array.from({ length: MODELS }, (_, model) => {
  const change = new TorchGenerator(model + 2).randn(ROWS * INPUTS)
  return base.map((value, i) => value + model * 0.1 * change[i]!)
})
const sessions = { cpu: new FusionSessions('cpu'), webgpu: new FusionSessions('webgpu') }

afterAll(async () => {
  await sessions.cpu.release()
  await sessions.webgpu.release()
})

async function merge(
  provider: Provider & keyof typeof sessions,
  options: Partial<FusionOptions>,
): Promise<Float32Array> {
  const layer = new TensorRows(
    {
      name: 'layer.weight',
      count: ROWS * INPUTS,
      types: weights.map(() => 'F32' as const),
      sources: weights.map((_, model) => `model ${model}`),
      read: (model, start, into) => into.set(new Uint8Array(weights[model]!.buffer, start * 4, into.byteLength)),
    },
    [ROWS, INPUTS],
    PLAIN_LAYER,
    0,
    null,
  )
  const all: FusionOptions = { normaliser: 'aligned', threshold: 0, weights: [1, 0.5, 2], samples: null, ...options }
  const kernels = new Kernels(FusionLayer.memory(layer, all.samples?.count ?? null))
  const merged = new Float32Array(ROWS * INPUTS)
  await new FusionLayer(layer, all, sessions[provider], kernels).merge(
    ({ start, count, weights: rows }) => merged.set(rows.floats(count * INPUTS), start * INPUTS),
    async () => {},
  )
  return merged
}

// Skipped where there is no Vulkan driver: apt-get install chromium libvulkan1.
describe.runIf(webgpu.available)('FeatureFusion on WebGPU', () => {
  it.each<[string, Partial<FusionOptions>]>([
    ['without a threshold', { threshold: 0 }],
    ['with the auto threshold', { threshold: 'auto' }],
    ['sampled', { samples: randomSamples(INPUTS, 64, 0), threshold: 0.5 }],
  ])('gives what the CPU gives, %s', async (_, options) => {
    const expected = await merge('cpu', options)
    const actual = await merge('webgpu', options)
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    expect(largest).toBeGreaterThan(1)
    actual.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(2e-5 * largest))
  })
})
