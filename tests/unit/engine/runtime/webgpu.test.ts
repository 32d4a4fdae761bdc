import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../../src-main/engine/diffusion/load-pipeline'
import { probeProviders } from '../../../../src-main/engine/runtime/providers'
import { family } from '../../demo-family'

const webgpu = (await probeProviders()).find(({ provider }) => provider === 'webgpu')!

/** Levels of 255. SwiftShader's exponentials and roots are good to three digits, and the sampler adds up their errors. */
const LARGEST_MEAN_ERROR = 2

// Wherever there is WebGPU: without a graphics card set VK_ICD_FILENAMES to Chromium's vk_swiftshader_icd.json.
describe.runIf(webgpu.available)('WebGPU', () => {
  it('makes the pictures that the CPU makes', { timeout: 300_000 }, async () => {
    const checkpoint = await openCheckpoint(family.base.path)
    const draw = async (device: 'cpu' | 'webgpu'): Promise<Uint8Array> => {
      const pipeline = await loadPipeline(checkpoint, { device })
      expect(pipeline.provider).toBe(device)
      const pictures = [{ prompt: 'a photo of a cat', seed: 1 }]
      const [picture] = await pipeline.generate({ pictures, steps: 3, guidance: 3, width: 64, height: 64 })
      await pipeline.release()
      return picture!.pixels
    }
    const [expected, pixels] = [await draw('cpu'), await draw('webgpu')]
    const error = pixels.reduce((sum, value, i) => sum + Math.abs(value - expected[i]!), 0) / pixels.length
    expect(error).toBeLessThan(LARGEST_MEAN_ERROR)
  })
})
