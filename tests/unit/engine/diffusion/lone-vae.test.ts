import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { planMerge } from '../../../../src-main/engine/merge/open-model'
import { loadPipeline } from '../../../../src-main/engine/diffusion/load-pipeline'
import { projectOf, temporaryFolder } from '../merge/models'

const SDXL = resolve('tests/golden/sdxl/pipeline')
const SDXL_FILE = resolve('tests/golden/layouts/sdxl-ldm-fp16.safetensors')
const SD1 = resolve('tests/golden/sd1/pipeline')

/** A VAE's file alone, or with its config.json beside it. */
function loneVae(config?: Record<string, unknown>): string {
  const folder = temporaryFolder()
  const path = join(folder, 'vae.safetensors')
  copyFileSync(join(SDXL, 'vae/diffusion_pytorch_model.safetensors'), path)
  if (config) writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  return path
}

it.each([
  ['an SDXL folder', SDXL, 0.13025, true],
  ['an SDXL file', SDXL_FILE, 0.13025, true],
  ['a Stable Diffusion 1 folder', SD1, 0.18215, false],
])('a VAE’s file alone takes the scaling factor of %s', async (_, base, scaling, upcast) => {
  const vae = loneVae()
  const other = base === SDXL ? SDXL_FILE : base === SD1 ? resolve('tests/golden/layouts/sd1-ldm.safetensors') : SDXL
  const plan = await planMerge(projectOf([base, other], { name: 'soup' }, { vae }))
  expect(plan.base.components.get('vae')?.config).toMatchObject({ scaling_factor: scaling, force_upcast: upcast })
  const pipeline = await loadPipeline(await openCheckpoint(base), {
    vae: await openCheckpoint(vae),
    device: 'cpu',
    clipVocabulary: resolve('resources/clip/bpe_simple_vocab_16e6.txt.gz'),
  })
  expect(pipeline.parts.vae.config).toMatchObject({ scalingFactor: scaling, forceUpcast: upcast })
  await pipeline.release()
})

it('is read with the config.json beside it, means and deviations of latents for SDXL alone', async () => {
  const config = JSON.parse(readFileSync(join(SDXL, 'vae/config.json'), 'utf8')) as Record<string, unknown>
  const statistics = { latents_mean: [-1.6574, 1.886, -1.383, 2.5155], latents_std: [8.4927, 5.9022, 6.5498, 5.2299] }
  const vae = await openCheckpoint(loneVae({ ...config, scaling_factor: 0.5, ...statistics }))
  for (const [base, expected] of [
    [SDXL, { means: statistics.latents_mean, deviations: statistics.latents_std }],
    [SD1, null],
  ] as const) {
    const pipeline = await loadPipeline(await openCheckpoint(base), { vae, device: 'cpu' })
    expect(pipeline.parts.vae.config).toMatchObject({ scalingFactor: 0.5, latentStatistics: expected })
    await pipeline.release()
  }
})

it('is refused where the file that should bring it has none', async () => {
  const vae = await openCheckpoint(join(SD1, 'unet'))
  await expect(loadPipeline(await openCheckpoint(SD1), { vae, device: 'cpu' })).rejects.toMatchObject({
    kind: 'incompatible',
  })
})
