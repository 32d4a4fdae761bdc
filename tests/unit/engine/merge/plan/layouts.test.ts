import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Checkpoint, TensorView } from '../../../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import {
  publishedModelIndex,
  publishedScheduler,
} from '../../../../../src-main/engine/checkpoint/pipeline/published-pipeline'
import { TensorReader } from '../../../../../src-main/engine/checkpoint/containers/tensor-reader'
import { planMerge } from '../../../../../src-main/engine/merge/open-model'
import { viewInputs } from '../../../../../src-main/engine/merge/jobs/view-inputs'
import { BYTES_PER_ELEMENT, elementCount } from '../../../../../src-main/engine/tensor/element-type'
import { loadTokenizer } from '../../../../../src-main/engine/tokenizer/vocabulary'
import { family } from '../../../demo-family'
import { noise } from '../../tensor/inputs'
import { SD2_UNET, SDXL_UNET, unetShapes } from '../../checkpoint/network-shapes'
import { writeSparse } from '../../checkpoint/files'
import { merge, projectOf, readModel, temporaryFolder, tensor, writeModel } from '../models'

const LDM = resolve('tests/golden/layouts/sd1-ldm.safetensors')
const FOLDER = resolve('tests/golden/sd1/pipeline')
const XL_LDM = resolve('tests/golden/layouts/sdxl-ldm-fp16.safetensors')
const XL_FOLDER = resolve('tests/golden/sdxl/pipeline')
const ALL = { include: ['unet', 'text_encoder', 'vae'] }
const ALL_XL = { include: ['unet', 'text_encoder', 'text_encoder_2', 'vae'] }

/** The bytes of a canonical tensor, whatever the layout. */
function canonicalBytes(view: TensorView, reader: TensorReader): Buffer {
  const bytes = Buffer.alloc(elementCount(view.shape) * BYTES_PER_ELEMENT[view.stored.elementType])
  viewInputs([view], reader).read(0, 0, bytes)
  return bytes
}

/** Expects two checkpoints to hold the same networks, bit for bit. */
async function expectEqual(pathA: string, pathB: string): Promise<void> {
  const [a, b] = [await openCheckpoint(pathA), await openCheckpoint(pathB)]
  const reader = new TensorReader()
  expect([...a.components.keys()]).toEqual([...b.components.keys()])
  for (const [name, { tensors }] of a.components) {
    const others = b.components.get(name)!.tensors
    const mergeable = (keys: Iterable<string>) => [...keys].filter((key) => !key.endsWith('position_ids')).sort()
    expect(mergeable(tensors.keys())).toEqual(mergeable(others.keys()))
    const differing = mergeable(tensors.keys()).filter(
      (key) => !canonicalBytes(tensors.get(key)!, reader).equals(canonicalBytes(others.get(key)!, reader)),
    )
    expect(differing).toEqual([])
  }
  reader.close()
}

/** A specialist in the layout of a file: its weights a little changed. */
async function specialist(file: string, path: string): Promise<string> {
  const tensors = [...(await readModel(file))].map(([name, { type, shape, values, bytes }], index) => {
    if (type !== 'F32' && type !== 'F16') return [name, { type, shape, bytes }] as const
    const change = noise(values.length, index)
    return [
      name,
      tensor(
        shape,
        values.map((value, i) => value + 0.02 * change[i]!),
        type,
      ),
    ] as const
  })
  return writeModel(path, Object.fromEntries(tensors))
}

describe.each([
  ['Stable Diffusion 1', LDM, FOLDER, ALL],
  ['SDXL', XL_LDM, XL_FOLDER, ALL_XL],
] as const)('a merge of %s', (title, ldm, folder, include) => {
  const dtype = title === 'SDXL' ? { dtype: 'fp16' } : {}

  it.each(['featurefusion', 'soup', 'ties'] as const)(
    'by %s is the same from a file and from a folder',
    async (name) => {
      const place = temporaryFolder()
      const other = await specialist(ldm, join(place, 'other.safetensors'))
      const method = { name, threshold: 0.2 }
      const outputs = [join(place, 'file.safetensors'), join(place, 'folder'), join(place, 'back.safetensors')]
      // The folder of SDXL is float32, its file float16: both bases are rounded alike first.
      const base = join(place, 'base')
      await merge(
        projectOf([folder, ldm], { name: 'weighted-sum' }, { ...include, ...dtype, layout: 'diffusers' }),
        base,
      )
      const same = join(place, 'same.safetensors')
      await merge(projectOf([base, ldm], { name: 'weighted-sum' }, { ...include, layout: 'single-file' }), same)
      await expectEqual(base, same)
      await merge(projectOf([same, other], method, include), outputs[0]!)
      await merge(projectOf([base, other], method, include), outputs[1]!)
      await merge(projectOf([base, other], method, { ...include, layout: 'single-file' }), outputs[2]!)
      await expectEqual(outputs[0]!, outputs[1]!)
      await expectEqual(outputs[0]!, outputs[2]!)
    },
  )
})

it('takes folder and file of one model for the same: a soup of both is the model', async () => {
  const place = temporaryFolder()
  await merge(projectOf([LDM, FOLDER], { name: 'soup' }, ALL), join(place, 'soup.safetensors'))
  await expectEqual(join(place, 'soup.safetensors'), LDM)
  await expectEqual(join(place, 'soup.safetensors'), FOLDER)
})

it('writes a single file with the names and shapes that the original has', async () => {
  const place = temporaryFolder()
  for (const [ldm, folder, include] of [
    [LDM, FOLDER, ALL],
    [XL_LDM, XL_FOLDER, ALL_XL],
  ] as const) {
    const out = join(place, 'out.safetensors')
    await merge(projectOf([folder, ldm], { name: 'soup' }, { ...include, layout: 'single-file' }), out, {
      overwrite: true,
    })
    const [written, original] = [await readModel(out), await readModel(ldm)]
    for (const [name, { shape }] of written) expect([name, original.get(name)?.shape]).toEqual([name, shape])
  }
})

it("writes networks that Forge and ComfyUI saved under their own prefixes in LDM's names, if a single file is asked for", async () => {
  const place = temporaryFolder()
  const parts = {
    unet: 'unet.',
    text_encoder: 'text_encoders.clip_l.transformer.',
    text_encoder_2: 'text_encoders.clip_g.transformer.',
    vae: 'vae.',
  }
  const renamed = await Promise.all(
    Object.entries(parts).map(async ([part, prefix]) => {
      const file = part.startsWith('text') ? 'model.safetensors' : 'diffusion_pytorch_model.safetensors'
      const tensors = await readModel(join(XL_FOLDER, part, file))
      return [...tensors].map(([name, content]) => [prefix + name, content] as const)
    }),
  )
  const forge = writeModel(join(place, 'forge.safetensors'), Object.fromEntries(renamed.flat()))
  await expectEqual(forge, XL_FOLDER)
  const [same, single] = [join(place, 'same.safetensors'), join(place, 'single.safetensors')]
  await merge(projectOf([forge, XL_FOLDER], { name: 'soup' }, ALL_XL), same)
  await merge(projectOf([forge, XL_FOLDER], { name: 'soup' }, { ...ALL_XL, layout: 'single-file' }), single)
  await expectEqual(same, single)
  expect([...(await readModel(same)).keys()].sort()).toEqual([...(await readModel(forge)).keys()].sort())
  const ldm = await readModel(XL_LDM)
  for (const name of (await readModel(single)).keys()) expect(ldm.has(name)).toBe(true)
})

describe('a folder made from a file', () => {
  it.each([
    ['sd1', LDM, ['text_encoder'], 'PNDMScheduler', 'StableDiffusionPipeline'],
    ['sdxl', XL_LDM, ['text_encoder', 'text_encoder_2'], 'EulerDiscreteScheduler', 'StableDiffusionXLPipeline'],
  ] as const)('of %s is complete', async (_, file, encoders, scheduler, pipeline) => {
    const folder = temporaryFolder()
    const out = join(folder, 'out')
    const other = await specialist(file, join(folder, 'other.safetensors'))
    await merge(projectOf([file, other], { name: 'soup' }, { layout: 'diffusers' }), out)
    const json = (...path: string[]) => JSON.parse(readFileSync(join(out, ...path), 'utf8')) as Record<string, unknown>
    const index = json('model_index.json')
    expect(index['_class_name']).toBe(pipeline)
    expect(index['scheduler']).toEqual(['diffusers', scheduler])
    if (encoders.length === 1) {
      expect(index).toMatchObject({ requires_safety_checker: false, safety_checker: [null, null] })
    }
    expect(json('scheduler', 'scheduler_config.json')).toMatchObject({
      _class_name: scheduler,
      beta_start: 0.00085,
      beta_end: 0.012,
      beta_schedule: 'scaled_linear',
      prediction_type: 'epsilon',
    })
    for (const part of ['unet', 'vae', ...encoders]) {
      expect(Object.keys(json(part, 'config.json')).length).toBeGreaterThan(5)
      expect(index[part]).toHaveLength(2)
    }
    for (const encoder of encoders) {
      const tokenizer = loadTokenizer(join(out, encoder.replace('text_encoder', 'tokenizer')))
      expect(Array.from(tokenizer.encode('a photo of a cat')).slice(0, 8)).toEqual([
        49406,
        320,
        1125,
        539,
        320,
        2368,
        49407,
        encoder === 'text_encoder_2' ? 0 : 49407,
      ])
    }
    const opened = await openCheckpoint(out)
    expect(opened.problems).toEqual([])
  })

  it('has the scheduler that the architecture was published with, and what markers say', () => {
    const like = (architecture: Checkpoint['architecture'], type: Checkpoint['predictionType'], mark = '') =>
      publishedScheduler({
        architecture,
        predictionType: type,
        stated: { type, zeroTerminalSnr: mark === 'ztsnr', edm: false, chosen: false },
      })
    expect(like('sd2-v', 'v_prediction')).toMatchObject({
      _class_name: 'DDIMScheduler',
      prediction_type: 'v_prediction',
      clip_sample: false,
      set_alpha_to_one: false,
      steps_offset: 1,
    })
    expect(like('sd1', 'epsilon')).toMatchObject({ _class_name: 'PNDMScheduler', skip_prk_steps: true })
    expect(like('sdxl-base', 'epsilon')).toMatchObject({ timestep_spacing: 'leading', use_karras_sigmas: false })
    expect(like('sdxl-base', 'v_prediction', 'ztsnr')).toMatchObject({
      prediction_type: 'v_prediction',
      rescale_betas_zero_snr: true,
      timestep_spacing: 'trailing',
    })
    expect(like('sd2', null)).not.toHaveProperty('prediction_type')
  })

  it('of a UNet alone lists the rest as absent', async () => {
    const file = join(temporaryFolder(), 'unet.safetensors')
    writeSparse(file, unetShapes(SDXL_UNET))
    const index = publishedModelIndex(await openCheckpoint(file))
    expect(index).toMatchObject({
      _class_name: 'StableDiffusionXLPipeline',
      unet: ['diffusers', 'UNet2DConditionModel'],
      vae: [null, null],
      tokenizer_2: [null, null],
    })
  })

  it('says when nothing tells what the model predicts', async () => {
    const folder = temporaryFolder()
    const paths = ['a', 'b'].map((name) => join(folder, `${name}.safetensors`))
    for (const path of paths) writeSparse(path, unetShapes(SD2_UNET))
    const { warnings } = await planMerge(projectOf(paths, {}, { layout: 'diffusers' }))
    expect(warnings).toEqual([expect.stringContaining('prediction_type')])
  })

  it('is refused for a model of no known kind, before any weight is read', async () => {
    const folder = temporaryFolder()
    const paths = [1, 2].map((seed) =>
      writeModel(join(folder, `${seed}.safetensors`), { 'x.weight': tensor([4, 4], noise(16, seed)) }),
    )
    await expect(planMerge(projectOf(paths, {}, { layout: 'diffusers' }))).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('1.safetensors'),
    })
  })
})

it('bakes another VAE in, whose config comes with it', async () => {
  const place = temporaryFolder()
  const models = [family.base.path, family.specialists[0]!.path]
  const vae = { vae: join(FOLDER, 'vae') }
  const out = join(place, 'out')
  await merge(projectOf(models, { name: 'soup' }, vae), out)
  const weights = 'diffusion_pytorch_model.safetensors'
  const [ours, theirs] = [await readModel(join(out, 'vae', weights)), await readModel(join(FOLDER, 'vae', weights))]
  expect([...ours.keys()]).toEqual([...theirs.keys()])
  const config = JSON.parse(readFileSync(join(out, 'vae', 'config.json'), 'utf8')) as Record<string, unknown>
  expect(config['block_out_channels']).toEqual([8, 16, 16, 16])
  expect(existsSync(join(out, 'tokenizer', 'merges.txt'))).toBe(true)
  await expect(planMerge(projectOf(models, {}, { ...vae, include: ['unet', 'vae'] }))).rejects.toMatchObject({
    kind: 'validation',
  })
})
