import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { buildClipText } from '../../../../src-main/engine/architecture/clip-text'
import type { NetworkOptions } from '../../../../src-main/engine/architecture/network-graph'
import { buildUnet } from '../../../../src-main/engine/architecture/unet'
import { buildVaeDecoder, buildVaeEncoder } from '../../../../src-main/engine/architecture/vae'
import type { ComponentName } from '../../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../../src-main/engine/diffusion/load-pipeline'
import { Network } from '../../../../src-main/engine/runtime/network'
import { merge, projectOf, temporaryFolder } from '../merge/models'

const SD1 = ['tests/golden/sd1/pipeline', 'tests/golden/layouts/sd1-ldm.safetensors'].map((path) => resolve(path))
const SDXL = ['tests/golden/sdxl/pipeline', 'tests/golden/layouts/sdxl-ldm-fp16.safetensors'].map((path) =>
  resolve(path),
)
const ALL = ['unet', 'text_encoder', 'vae']

const KINDS = [
  { kind: 'Stable Diffusion 1', models: SD1, include: ALL },
  { kind: 'SDXL', models: SDXL, include: [...ALL, 'text_encoder_2'] },
].flatMap((own) => (['diffusers', 'single-file'] as const).map((layout) => ({ ...own, layout })))
/** How far a picture may be from float32's, of about −1 … 1. */
const TYPES = { fp32: 0, fp16: 0.05, bf16: 0.5 }

const LEVELS = ['disabled', 'basic', 'extended', 'all'] as const
const OPTIONS: NetworkOptions = { computeType: 'F32', weights: 'initializers', attention: 1 }
const BUILDERS: Partial<Record<ComponentName, (typeof buildUnet)[]>> = {
  unet: [buildUnet],
  text_encoder: [buildClipText],
  text_encoder_2: [buildClipText],
  vae: [buildVaeDecoder, buildVaeEncoder],
}

describe.each(KINDS)('$kind as $layout', ({ models, include, layout }) => {
  /** The image that a model draws; the tiny models have a vocabulary of their own, which a single file lacks. */
  async function draw(path: string): Promise<Float32Array> {
    const base = await openCheckpoint(models[0]!)
    const pipeline = await loadPipeline(await openCheckpoint(path), { base, device: 'cpu' })
    const request = { pictures: [{ prompt: 'a cat', seed: 1 }], steps: 2, guidance: 3, width: 64, height: 64 }
    const [picture] = await pipeline.generate(request)
    await pipeline.release()
    return picture!.image.data
  }

  it('is prepared at every level of graph optimisation, and drawn, in every type', async () => {
    const images: Float32Array[] = []
    for (const [dtype, tolerance] of Object.entries(TYPES)) {
      const path = join(temporaryFolder(), layout === 'diffusers' ? 'model' : 'model.safetensors')
      await merge(projectOf(models, { name: 'soup' }, { layout, dtype, include }), path)
      const { components } = await openCheckpoint(path)
      // Graphs compute in float32, whatever type weights are stored in: half of the types stand for all.
      for (const optimization of dtype === 'bf16' ? [] : LEVELS)
        for (const { name, config, tensors } of components.values())
          for (const build of BUILDERS[name]!)
            await (await Network.open(build(config!, tensors, OPTIONS), { provider: 'cpu', optimization })).release()
      images.push(await draw(path))
      const [exact, image] = [images[0]!, images.at(-1)!]
      expect(image.every(Number.isFinite)).toBe(true)
      expect(image.reduce((most, value, i) => Math.max(most, Math.abs(value - exact[i]!)), 0)).toBeLessThanOrEqual(
        tolerance,
      )
    }
  }, 240_000)
})
