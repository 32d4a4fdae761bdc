import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../../../src-main/engine/diffusion/load-pipeline'
import { TorchGenerator } from '../../../../../src-main/engine/random'
import { denoisingLosses } from '../../../../../src-main/engine/evaluate/losses/denoising-loss'

/** Computed with diffusers 0.42 and torch 2.13: encode_prompt, the UNet, its target, at the timesteps 100 and 900. */
const REFERENCE = {
  sdxl: [0.8531060218811035, 0.5567367672920227],
  sd2: [0.8666921257972717, 0.5781381726264954],
}

describe('the denoising loss of other architectures', () => {
  it.each(['sdxl', 'sd2'] as const)('is what diffusers gives, from a caption (%s)', async (name) => {
    const pipeline = await loadPipeline(await openCheckpoint(`tests/golden/${name}/pipeline`), { device: 'cpu' })
    try {
      const edge = pipeline.nativeEdge / pipeline.parts.vae.config.scale
      const size = 4 * edge * edge
      const domain = {
        name: 'one',
        pictures: [{ caption: 'a red apple', split: 'held-out' }],
        shape: [4, edge, edge] as const,
        latents: Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898)),
        noise: new TorchGenerator(0).randn(size),
      }
      const [losses] = await denoisingLosses(pipeline, { timesteps: [100, 900], noises: 1 }, domain)
      losses!.forEach((loss, i) => expect(Math.abs(loss / REFERENCE[name][i]! - 1)).toBeLessThan(1e-5))
      const ids = { ...domain, inputIds: [[1, 2]] } // of which encoder?
      if (name === 'sdxl')
        await expect(denoisingLosses(pipeline, { timesteps: [100], noises: 1 }, ids)).rejects.toMatchObject({
          kind: 'unsupported',
        })
    } finally {
      await pipeline.release()
    }
  })
})
