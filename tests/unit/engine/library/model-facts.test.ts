import fc from 'fast-check'
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openEither } from '../../../../src-main/engine/merge/open-model'
import { describeAdapter } from '../../../../src-main/engine/adapters/describe-adapter'
import { readSafetensors } from '../../../../src-main/engine/checkpoint/containers/safetensors'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { modelFacts } from '../../../../src-main/engine/library/model-facts'
import { containerOf, readModelHeader } from '../../../../src-main/engine/library/model-header'
import { GOLDEN } from '../checkpoint/files'
import {
  REFINER_UNET,
  SD14_UNET,
  SD2_UNET,
  SDXL_UNET,
  unetShapes,
  vaeShapes,
  type Shapes,
} from '../checkpoint/network-shapes'
import { put, SHAPES, temporaryFolder } from './library-trees'
import { list } from './listing'

const BASES: Readonly<Record<string, string | null>> = {
  sd1: 'SD 1.x',
  'sd1-inpainting': 'SD 1.x inpainting',
  'sd1-pix2pix': 'SD 1.x pix2pix',
  sd2: 'SD 2.x',
  'sd2-v': 'SD 2.x',
  'sd2-inpainting': 'SD 2.x inpainting',
  'sdxl-base': 'SDXL',
  'sdxl-inpainting': 'SDXL inpainting',
  'sdxl-refiner': 'SDXL refiner',
}

function shapesOf(shapes: Shapes): Record<string, number[]> {
  return Object.fromEntries(shapes)
}

describe('the kind and the base of a file', () => {
  it.each([
    ['SD 1', SD14_UNET],
    ['SD 1 inpainting', { ...SD14_UNET, inChannels: 9 }],
    ['pix2pix', { ...SD14_UNET, inChannels: 8 }],
    ['SD 2', SD2_UNET],
    ['SD 2 inpainting', { ...SD2_UNET, inChannels: 9 }],
    ['SDXL', SDXL_UNET],
    ['SDXL inpainting', { ...SDXL_UNET, inChannels: 9 }],
    ['the refiner', REFINER_UNET],
  ])('are what opening it tells: %s', async (_, settings) => {
    const path = put(temporaryFolder(), 'unet.safetensors', shapesOf(unetShapes(settings)))
    const { architecture } = await openCheckpoint(path)
    expect(modelFacts(containerOf(readModelHeader(path)))).toMatchObject({
      kind: 'unet',
      baseTitle: BASES[architecture],
    })
  })

  it.each(['sd1', 'sd2', 'sdxl'])('are those of the reference data: %s', async (name) => {
    const path = join(GOLDEN, name, 'pipeline')
    const { architecture } = await openCheckpoint(path)
    const [entry] = (await list(path)).entries
    expect(entry).toMatchObject({ kind: 'diffusers', baseTitle: BASES[architecture], isFolder: true, problem: null })
  })

  it.each([...adapterPaths()])('form and rank of %s are what opening it tells', async (path) => {
    const { adapter } = await describeAdapter((await openEither(path)) as Parameters<typeof describeAdapter>[0])
    const { entries } = await list(path.endsWith('.safetensors') ? join(path, '..') : path)
    const entry = entries.find((one) => one.path === path || basename(one.path) === basename(path))
    expect(entry).toMatchObject({ kind: 'adapter', problem: null })
    expect(`a ${entry!.form}`.replace(/^a ([aeio])/i, 'an $1').slice(2)).toContain(
      adapter!.kind.replace(/^an? /, '').slice(0, 4),
    )
    expect(entry!.rank).toBe(adapter!.ranks.at(-1) ?? null)
  })

  it('of words, parts and other networks', async () => {
    const root = temporaryFolder()
    const facts = async (shapes: Record<string, number[]>, metadata = {}): Promise<unknown> =>
      modelFacts(await readSafetensors(put(root, 'x.safetensors', shapes, metadata)))
    expect(await facts(SHAPES.embedding)).toMatchObject({ kind: 'embedding', base: 'sd1' })
    expect(await facts({ clip_l: [1, 768], clip_g: [1, 1280] })).toMatchObject({ kind: 'embedding', base: 'sdxl' })
    expect(await facts(shapesOf(vaeShapes()))).toMatchObject({ kind: 'vae', base: null })
    expect(await facts(SHAPES.textEncoder)).toMatchObject({ kind: 'text-encoder', base: 'sdxl' })
    expect(await facts(SHAPES.flux)).toMatchObject({ kind: 'other', base: 'other', baseTitle: 'FLUX' })
    expect(await facts({ a: [1] })).toMatchObject({ kind: 'other', base: null })
    const lokr = { 'lora_unet_x.lokr_w1': [4, 4], 'lora_unet_x.lokr_w2': [8, 8] }
    expect(await facts(lokr, { ss_base_model_version: 'sdxl_base_v1-0' })).toMatchObject({ base: 'sdxl' })
    expect(await facts(lokr, { 'modelspec.architecture': 'stable-diffusion-v1/lora' })).toMatchObject({ base: 'sd1' })
    expect(await facts(lokr, { ss_base_model_version: 'made up' })).toMatchObject({
      base: 'other',
      baseTitle: 'made up',
    })
  })
})

describe('an adapter with a long header', () => {
  const layer = fc.constantFrom('attn1_to_q', 'attn2_to_k', 'attn2_to_v', 'ff_net_0_proj', 'proj_in')

  /** Modules of blocks, as trainers write them, some of them convolutions. */
  const modules = fc.record({
    count: fc.integer({ min: 200, max: 500 }),
    rank: fc.constantFrom(1, 4, 128),
    width: fc.constantFrom(768, 1024, 2048),
    layers: fc.array(layer, { minLength: 5, maxLength: 9 }),
    convolutionAt: fc.option(fc.integer({ min: 0, max: 199 }), { nil: undefined }),
    text: fc.string({ maxLength: 3000 }),
  })

  it('is told from a part of it as from all of it', async () => {
    const root = temporaryFolder()
    await fc.assert(
      fc.asyncProperty(modules, async ({ count, rank, width, layers, convolutionAt, text }) => {
        const shapes: Record<string, number[]> = {}
        for (let index = 0; index < count; index++) {
          const isText = layers[index % layers.length]!.startsWith('attn2')
          const name = `lora_unet_down_blocks_${index}_transformer_blocks_0_${layers[index % layers.length]}`
          const isConvolution = index === convolutionAt
          const module = isConvolution ? `lora_unet_down_blocks_${index}_resnets_0_conv1` : name
          shapes[`${module}.lora_down.weight`] = isConvolution ? [rank, 320, 3, 3] : [rank, isText ? width : 320]
          shapes[`${module}.lora_up.weight`] = isConvolution ? [320, rank, 1, 1] : [320, rank]
          shapes[`${module}.alpha`] = []
        }
        const metadata = { ss_tag_frequency: JSON.stringify({ text }), ss_base_model_version: 'sd_v1' }
        const path = put(root, 'adapter.safetensors', shapes, metadata)
        const whole = await readSafetensors(path)
        const read = containerOf(readModelHeader(path))
        expect(read.tensors.length).toBeLessThan(whole.tensors.length)
        expect(modelFacts(read)).toEqual(modelFacts(whole))
      }),
      { numRuns: 25 },
    )
  })
})

function adapterPaths(): string[] {
  const folders = ['adapters', 'lora'].map((name) => join(GOLDEN, name))
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^sd/.test(name) && !/tuned/.test(name))
      .map((name) => join(folder, name)),
  )
}
