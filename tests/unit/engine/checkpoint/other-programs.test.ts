import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { describeCheckpoint } from '../../../../src-main/engine/checkpoint/describe'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { GOLDEN } from './files'
import {
  merge,
  projectOf,
  readModel,
  temporaryFolder,
  tensor,
  writeModel,
  type ReadTensor,
  type TestTensor,
} from '../merge/models'

type Tensors = Record<string, TestTensor>

const UNET = 'model.diffusion_model.'
const VAE = 'first_stage_model.'
let sd1: Map<string, ReadTensor>
let sdxl: Map<string, ReadTensor>
let encoders: Map<string, ReadTensor>[]
let sd1Encoder: Map<string, ReadTensor>

beforeAll(async () => {
  const read = (path: string) => readModel(join(GOLDEN, path))
  const [first, second] = [await read('layouts/sd1-ldm.safetensors'), await read('layouts/sdxl-ldm-fp16.safetensors')]
  const own = (all: Map<string, ReadTensor>) => new Map([...all].filter(([name]) => !name.startsWith('model_ema.')))
  sd1 = own(first)
  sdxl = own(second)
  encoders = [
    await read('sdxl/pipeline/text_encoder/model.safetensors'),
    await read('sdxl/pipeline/text_encoder_2/model.safetensors'),
  ]
  sd1Encoder = await read('sd1/pipeline/text_encoder/model.safetensors')
})

const under = (
  prefix: string,
  tensors: Iterable<readonly [string, TestTensor]>,
  rename = (name: string) => name,
): Tensors => Object.fromEntries([...tensors].map(([name, value]) => [prefix + rename(name), value]))
const part = (all: Map<string, ReadTensor>, prefix: string): [string, ReadTensor][] =>
  [...all].flatMap(([name, value]) =>
    name.startsWith(prefix) ? [[name.slice(prefix.length), value] as [string, ReadTensor]] : [],
  )
const write = (tensors: Tensors, name = 'model.safetensors'): string =>
  writeModel(join(temporaryFolder(), name), tensors)
const wrapped = (name: string): string => name.replace('token_embedding.weight', 'token_embedding.wrapped.weight')
const without = (start: string) => (name: string) => name.replace(start, '')

async function contents(path: string) {
  const checkpoint = await openCheckpoint(path)
  const { components, leftAside } = await describeCheckpoint(checkpoint)
  return { parts: components.map(({ name, tensors }) => [name, tensors]), leftAside, checkpoint }
}

describe('whole models as programs save them are opened whole', () => {
  const wholes: [string, () => Tensors][] = [
    [
      'Forge',
      () => ({
        ...under(UNET, part(sdxl, UNET)),
        ...under('text_encoders.clip_l.transformer.', encoders[0]!),
        ...under('text_encoders.clip_g.transformer.', encoders[1]!),
        ...under('vae.', part(sdxl, VAE)),
      }),
    ],
    [
      'Forge with a table of words that takes learned ones',
      () => ({
        ...under(UNET, part(sdxl, UNET)),
        ...under('text_encoders.clip_l.transformer.', encoders[0]!, wrapped),
        ...under('text_encoders.clip_g.transformer.', encoders[1]!, wrapped),
        ...under('vae.', part(sdxl, VAE)),
      }),
    ],
    [
      "ComfyUI's names in memory",
      () => ({
        ...under('diffusion_model.', part(sdxl, UNET)),
        ...under('clip_l.transformer.', encoders[0]!),
        ...under('clip_g.transformer.', encoders[1]!),
        ...under('first_stage_model.', part(sdxl, VAE)),
      }),
    ],
    [
      'a trainer',
      () => ({
        ...under('net.', part(sdxl, UNET)),
        ...under('te1.', encoders[0]!),
        ...under('te2.', encoders[1]!),
        ...under('autoencoder.', part(sdxl, VAE)),
      }),
    ],
    [
      'a trainer that leaves text_model out',
      () => ({
        ...under('unet.', part(sdxl, UNET)),
        ...under('te1.', encoders[0]!, without('text_model.')),
        ...under('te2.', encoders[1]!, without('text_model.')),
        ...under('vae.', part(sdxl, VAE)),
      }),
    ],
  ]

  it.each(wholes)('%s', async (_, tensors) => {
    const { parts, leftAside } = await contents(write(tensors()))
    const expected = await contents(join(GOLDEN, 'sdxl/pipeline'))
    expect(parts).toEqual(expected.parts)
    expect(leftAside).toEqual([])
  })

  it("A1111 with a wrapped text encoder is merged as a plain one, under the base's names", async () => {
    const own = under('cond_stage_model.wrapped.transformer.', part(sd1, 'cond_stage_model.transformer.'), wrapped)
    const others = Object.fromEntries([...sd1].filter(([name]) => !name.startsWith('cond_stage_model.')))
    const base = write({ ...others, ...own })
    const plain = write(Object.fromEntries(sd1))
    const out = join(temporaryFolder(), 'out.safetensors')
    await merge(
      projectOf([base, { path: plain, weight: 0.5 }], { name: 'weighted-sum' }, { include: ['unet', 'text_encoder'] }),
      out,
    )
    expect([...(await readModel(out)).keys()].sort()).toEqual([...Object.keys(others), ...Object.keys(own)].sort())
  })

  it('a ControlNet in a file is left aside by its name', async () => {
    const control = under('control_model.', part(sd1, UNET))
    const { parts, leftAside } = await contents(write({ ...Object.fromEntries(sd1), ...control }))
    expect(parts.map(([name]) => name)).toEqual(['unet', 'text_encoder', 'vae'])
    expect(leftAside.join()).toContain('a ControlNet (control_model.*; ')
  })
})

describe('modules that PyTorch puts around a network are not in its names', () => {
  const TEXT = 'cond_stage_model.transformer.'
  const around: [string, (name: string) => string][] = [
    ['a compiled UNet', (name) => name.replace(UNET, `${UNET}_orig_mod.`)],
    ['a UNet of several graphics cards', (name) => name.replace(UNET, `${UNET}module.`)],
    ['both', (name) => name.replace(UNET, `${UNET}module._orig_mod.`)],
    ['a compiled UNet in a short name', (name) => name.replace(UNET, 'unet._orig_mod.')],
    ['a compiled module above the UNet', (name) => name.replace(UNET, 'model._orig_mod.diffusion_model.')],
    ['compiled blocks', (name) => name.replace(/^(.*input_blocks\.\d+\.)/, '$1_orig_mod.')],
    ['a sharded UNet', (name) => name.replace(UNET, `${UNET}_fsdp_wrapped_module.`)],
    ['a compiled text encoder', (name) => name.replace(TEXT, `${TEXT}_orig_mod.`)],
    ['a VAE of several graphics cards', (name) => name.replace(VAE, 'vae.module.')],
    ['the whole model', (name) => `module.${name}`],
  ]

  it.each(around)('%s', async (_, rename) => {
    const own = write(under('', sd1, rename))
    const plain = write(Object.fromEntries(sd1))
    const [found, expected] = [await contents(own), await contents(plain)]
    expect(found.parts).toEqual(expected.parts)
    expect([found.checkpoint.architecture, found.checkpoint.problems]).toEqual(['sd1', []])
    const out = join(temporaryFolder(), 'out.safetensors')
    const include: ['unet', 'text_encoder', 'vae'] = ['unet', 'text_encoder', 'vae']
    await merge(projectOf([own, { path: plain, weight: 0.5 }], { name: 'weighted-sum' }, { include }), out)
    expect([...(await readModel(out)).keys()].sort()).toEqual(Object.keys(under('', sd1, rename)).sort())
  })

  it.each(['_orig_mod.', 'module.'])('%s in a folder, a file of a UNet, a VAE', async (wrapper) => {
    const folder = join(temporaryFolder(), 'pipeline')
    cpSync(join(GOLDEN, 'sd1/pipeline'), folder, { recursive: true })
    const [unet, vae] = ['unet', 'vae'].map((name) => join(folder, name, 'diffusion_pytorch_model.safetensors'))
    for (const path of [unet!, vae!]) writeModel(path, under(wrapper, await readModel(path)))
    const { parts, leftAside, checkpoint } = await contents(folder)
    expect(parts).toEqual((await contents(join(GOLDEN, 'sd1/pipeline'))).parts)
    expect([leftAside, checkpoint.problems, checkpoint.architecture]).toEqual([[], [], 'sd1'])
    expect((await contents(unet!)).checkpoint).toMatchObject({ layout: 'unet-file', architecture: 'sd1' })
    expect((await contents(vae!)).checkpoint).toMatchObject({ layout: 'vae-file' })
  })
})

describe('a text encoder alone is a part that can be merged', () => {
  const names: [string, string, (name: string) => string][] = [
    ['text_model.', '', (name) => name],
    ['no text_model.', '', without('text_model.')],
    ['transformer.text_model.', 'transformer.', (name) => name],
    ['clip_l.', 'clip_l.', (name) => name],
    ['clip_l.transformer.', 'clip_l.transformer.', (name) => name],
    ['cond_stage_model.transformer.', 'cond_stage_model.transformer.', (name) => name],
    ['text_encoders.clip_l.transformer.', 'text_encoders.clip_l.transformer.', (name) => name],
    ['a wrapped table', 'cond_stage_model.wrapped.transformer.', wrapped],
  ]

  it.each(names)('%s', async (_, prefix, rename) => {
    const doubled = [...sd1Encoder].map(([name, value]) => {
      const isWeight = value.type === 'F32' || value.type === 'F16'
      return [
        name,
        isWeight
          ? tensor(
              value.shape,
              value.values.map((number) => 2 * number),
            )
          : value,
      ] as const
    })
    const path = write(under(prefix, doubled, rename), 'encoder.safetensors')
    const { parts, checkpoint } = await contents(path)
    expect(parts.map(([name]) => name)).toEqual(['text_encoder'])
    expect(checkpoint.kind?.title).toBe('a text encoder alone')
    const base = write(Object.fromEntries(sd1))
    const out = join(temporaryFolder(), 'out.safetensors')
    await merge(
      projectOf([base, { path, weight: 1 }], { name: 'weighted-sum' }, { include: ['text_encoder'], dtype: 'fp32' }),
      out,
    )
    const name = 'text_model.final_layer_norm.weight'
    const merged = (await readModel(out)).get(`cond_stage_model.transformer.${name}`)!
    expect(merged.values).toEqual(sd1Encoder.get(name)!.values.map((value) => 2 * value))
    // Two of them are merged with each other, without a word on the parts.
    await merge(
      projectOf([path, { path: write(under(prefix, sd1Encoder, rename)), weight: 0.5 }], { name: 'weighted-sum' }),
      out,
      { overwrite: true },
    )
    expect([...(await readModel(out)).keys()].sort()).toEqual(Object.keys(under(prefix, sd1Encoder, rename)).sort())
  })

  it('of SDXL, the second one', async () => {
    const { parts } = await contents(write(under('', encoders[1]!)))
    expect(parts.map(([name]) => name)).toEqual(['text_encoder_2'])
  })
})

describe('a VAE alone is baked in, whatever its names begin with', () => {
  it.each(['', 'first_stage_model.', 'vae.', 'autoencoder.'])('%s', async (prefix) => {
    const vae = part(sd1, VAE)
    const path = write(
      under(
        prefix,
        vae.map(([name, { shape, values }]) => [
          name,
          tensor(
            shape,
            values.map((value) => value / 2),
          ),
        ]),
      ),
      'vae.safetensors',
    )
    const { parts } = await contents(path)
    expect(parts.map(([name]) => name)).toEqual(['vae'])
    const base = write(Object.fromEntries(sd1))
    const other = write(Object.fromEntries(sd1))
    const out = join(temporaryFolder(), 'out.safetensors')
    await merge(projectOf([base, other], { name: 'soup' }, { vae: path, dtype: 'fp32' }), out)
    const [name, value] = vae[0]!
    expect((await readModel(out)).get(VAE + name)!.values).toEqual(value.values.map((number) => number / 2))
  })
})
