import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Checkpoint, ComponentName } from '../../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { singleFileTargets } from '../../../../src-main/engine/checkpoint/targets'
import { family, familyFolders } from '../../demo-family'
import { GOLDEN, writeSparse } from './files'
import {
  REFINER_UNET,
  SD14_UNET,
  SD2_UNET,
  SDXL_UNET,
  textEncoderShapes,
  unetShapes,
  vaeShapes,
  type Shapes,
} from './network-shapes'

const folder = mkdtempSync(join(tmpdir(), 'featurefusion-open-'))
afterAll(() => rmSync(folder, { recursive: true }))

const UNET_FILE = 'unet/diffusion_pytorch_model.safetensors'

function writePipeline(name: string, components: Partial<Record<ComponentName, Shapes>>): string {
  const path = join(folder, name)
  for (const [component, shapes] of Object.entries(components)) {
    const file = component.startsWith('text') ? 'model.safetensors' : 'diffusion_pytorch_model.safetensors'
    writeSparse(join(path, component, file), shapes)
  }
  return path
}

/** The single file of a pipeline folder, by the writer's targets, without data. */
async function writeSingleFile(name: string, pipeline: Checkpoint, more: Shapes = new Map()): Promise<string> {
  const path = join(folder, name)
  writeSparse(
    path,
    new Map([...singleFileTargets(pipeline).map(({ name: tensor, shape }) => [tensor, shape] as const), ...more]),
  )
  return path
}

describe('identifies', () => {
  it.each([
    ['tests/golden/sd1/pipeline', 'diffusers-pipeline', 'sd1', 'epsilon'],
    ['tests/golden/sd2/pipeline', 'diffusers-pipeline', 'sd2-v', 'v_prediction'],
    ['tests/golden/sd2/pipeline/unet', 'diffusers-component', 'sd2', null],
    ['tests/golden/sdxl/pipeline', 'diffusers-pipeline', 'sdxl-base', 'epsilon'],
    ['tests/golden/layouts/sd1-ldm.safetensors', 'single-file', 'sd1', 'epsilon'],
    ['tests/golden/layouts/sdxl-ldm-fp16.safetensors', 'single-file', 'sdxl-base', 'epsilon'],
    ['tests/golden/layouts/sd1-bf16/unet', 'diffusers-component', 'sd1', 'epsilon'],
    ['tests/golden/checkpoints/base', 'diffusers-component', 'sd1', 'epsilon'],
    ['tests/golden/checkpoints/soup.safetensors', 'unet-file', 'sd1', 'epsilon'],
    ['tests/golden/sd1/pipeline/vae', 'diffusers-component', 'unknown', null],
    ['tests/golden/clip/model', 'generic', 'unknown', null],
    [familyFolders[0]!, 'diffusers-pipeline', 'sd1', 'epsilon'],
    [familyFolders[1]!, 'diffusers-pipeline', 'sd1', 'epsilon'],
    [family.specialists[0]!.path, 'diffusers-component', 'sd1', 'epsilon'],
  ])('%s as %s, %s', async (path, layout, architecture, predictionType) => {
    expect(await openCheckpoint(path)).toMatchObject({ layout, architecture, predictionType })
  })

  const clipL = textEncoderShapes(768, 12)
  const SIZES = [
    ['sd14', { unet: unetShapes(SD14_UNET), text_encoder: clipL, vae: vaeShapes() }, 'sd1', 859_520_964],
    ['sd2', { unet: unetShapes(SD2_UNET), text_encoder: textEncoderShapes(1024, 23), vae: vaeShapes() }, 'sd2', 865_910_724],
    ['sdxl', { unet: unetShapes(SDXL_UNET), text_encoder: clipL, text_encoder_2: textEncoderShapes(1280, 32, 1280), vae: vaeShapes() }, 'sdxl-base', 2_567_463_684],
    ['refiner', { unet: unetShapes(REFINER_UNET), text_encoder_2: textEncoderShapes(1280, 32, 1280), vae: vaeShapes() }, 'sdxl-refiner', 2_259_526_660],
  ] as const // prettier-ignore

  it.each(SIZES)(
    '%s of real size, as folder, single file and UNet file',
    async (name, shapes, architecture, parameters) => {
      const pipeline = await openCheckpoint(writePipeline(name, shapes))
      const file = await writeSingleFile(`${name}.safetensors`, pipeline)
      const single = await openCheckpoint(file)
      const unet = await openCheckpoint(join(pipeline.path, UNET_FILE))
      for (const checkpoint of [pipeline, single, unet]) {
        expect(checkpoint.architecture).toBe(architecture)
        const tensors = [...(checkpoint.components.get('unet')?.tensors.values() ?? [])]
        const count = tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
        expect(count).toBe(parameters)
      }
      for (const [component, expected] of Object.entries(shapes)) {
        const views = single.components.get(component as ComponentName)?.tensors
        expect(new Map([...(views ?? [])].map(([key, { shape }]) => [key, shape]))).toEqual(expected)
        expect(single.components.get(component as ComponentName)?.config).toEqual(
          pipeline.components.get(component as ComponentName)?.config,
        )
      }
    },
  )

  it('a Stable Diffusion 1.4 file of real size, quickly: no weight is read', async () => {
    const times: number[] = []
    for (let i = 0; i < 5; i++) {
      const started = performance.now()
      await openCheckpoint(join(folder, 'sd14.safetensors'))
      times.push(performance.now() - started)
    }
    expect(Math.min(...times)).toBeLessThan(2000)
  })

  it.each([
    ['9 channels', { ...SD14_UNET, inChannels: 9 }, 'sd1-inpainting'],
    ['8 channels', { ...SD14_UNET, inChannels: 8 }, 'sd1-pix2pix'],
    ['9 channels, linear', { ...SD2_UNET, inChannels: 9 }, 'sd2-inpainting'],
    ['9 channels, SDXL', { ...SDXL_UNET, inChannels: 9 }, 'sdxl-inpainting'],
    ['7 channels (an upscaler)', { ...SD2_UNET, inChannels: 7 }, 'unknown'],
  ])('a UNet of %s', async (name, settings, architecture) => {
    const path = join(folder, `${name}.safetensors`)
    writeSparse(path, unetShapes(settings))
    expect(await openCheckpoint(path)).toMatchObject({ layout: 'unet-file', architecture })
  })

  it('UNet files in LDM names, with and without their prefix, and marker tensors', async () => {
    const pipeline = await openCheckpoint(writePipeline('markers', { unet: unetShapes(SDXL_UNET) }))
    const path = await writeSingleFile(
      'markers.safetensors',
      pipeline,
      new Map([
        ['v_pred', [0]],
        ['ztsnr', [0]],
      ]),
    )
    const marked = await openCheckpoint(path)
    expect(marked).toMatchObject({ layout: 'unet-file', architecture: 'sdxl-base', predictionType: 'v_prediction' })
    expect(marked.extras.map(({ name }) => name)).toEqual(['v_pred', 'ztsnr'])
    expect(marked.components.get('unet')?.tensors.size).toBe(1680)
    const bare = singleFileTargets(pipeline).map(
      ({ name, shape }) => [name.replace('model.diffusion_model.', ''), shape] as const,
    )
    writeSparse(join(folder, 'bare.safetensors'), new Map(bare))
    const opened = await openCheckpoint(join(folder, 'bare.safetensors'))
    expect(opened).toMatchObject({ layout: 'unet-file', architecture: 'sdxl-base' })
    expect(opened.components.get('unet')?.tensors.size).toBe(1680)
  })

  it('prediction types that metadata state', async () => {
    const path = join(folder, 'modelspec.safetensors')
    writeSparse(path, unetShapes(SD2_UNET), { metadata: { 'modelspec.prediction_type': 'v' } })
    expect(await openCheckpoint(path)).toMatchObject({ architecture: 'sd2-v', predictionType: 'v_prediction' })
  })
})

describe('single files of the field', () => {
  it('of Stable Diffusion 1 without text_model., with position_ids and EMA copies', async () => {
    const pipeline = await openCheckpoint(join(folder, 'sd14'))
    const shapes = new Map(
      singleFileTargets(pipeline).map(({ name, shape }) => [name.replace('.text_model.', '.'), shape] as const),
    )
    const extras = ['model_ema.diffusion_modelinput_blocks00weight', 'betas', 'first_stage_model.loss.logvar']
    for (const name of extras) shapes.set(name, [3])
    const path = join(folder, 'legacy.safetensors')
    writeSparse(path, shapes)
    const legacy = await openCheckpoint(path)
    expect(legacy.architecture).toBe('sd1')
    const names = (checkpoint: Checkpoint) => [...(checkpoint.components.get('text_encoder')?.tensors.keys() ?? [])]
    expect(names(legacy)).toEqual(names(pipeline))
    expect(legacy.extras.map(({ name }) => name)).toEqual(extras)
    expect(singleFileTargets(legacy).map(({ name }) => name)).toContain(
      'cond_stage_model.transformer.embeddings.token_embedding.weight',
    )
  })

  it("of Stable Diffusion 2: OpenCLIP's last layer and its projection are extras", async () => {
    const pipeline = await openCheckpoint(join(folder, 'sd2'))
    const prefix = 'cond_stage_model.model.'
    const more: Shapes = new Map([
      [`${prefix}transformer.resblocks.23.attn.in_proj_weight`, [3072, 1024]],
      [`${prefix}transformer.resblocks.23.ln_1.weight`, [1024]],
      [`${prefix}text_projection`, [1024, 1024]],
      [`${prefix}logit_scale`, []],
    ])
    const single = await openCheckpoint(await writeSingleFile('sd2-full.safetensors', pipeline, more))
    expect(single.extras.map(({ name }) => name)).toEqual([...more.keys()])
    expect(single.components.get('text_encoder')?.tensors.size).toBe(
      pipeline.components.get('text_encoder')?.tensors.size,
    )
    expect(single.components.get('text_encoder')?.config).toMatchObject({ hidden_act: 'gelu', num_hidden_layers: 23 })
  })

  it('of Stable Diffusion 2 are written without the position_ids of a folder', async () => {
    const text = join(folder, 'sd2-ids/text_encoder/model.safetensors')
    writePipeline('sd2-ids', { unet: unetShapes(SD2_UNET), text_encoder: new Map() })
    const ids: Shapes = new Map([['text_model.embeddings.position_ids', [1, 77]]])
    writeSparse(text, new Map([...textEncoderShapes(1024, 23), ...ids]))
    const pipeline = await openCheckpoint(join(folder, 'sd2-ids'))
    expect(
      singleFileTargets(pipeline)
        .map(({ name }) => name)
        .join(),
    ).not.toContain('position_ids')
  })

  it('have the published names', async () => {
    const pipeline = await openCheckpoint(join(folder, 'sdxl'))
    const names = singleFileTargets(pipeline).map(({ name }) => name)
    expect(names).toContain('model.diffusion_model.input_blocks.8.1.transformer_blocks.9.attn2.to_k.weight')
    expect(names).toContain('model.diffusion_model.output_blocks.2.2.conv.weight')
    expect(names).toContain('model.diffusion_model.label_emb.0.2.bias')
    expect(names).toContain('conditioner.embedders.1.model.transformer.resblocks.31.attn.in_proj_bias')
    expect(names).toContain('conditioner.embedders.0.transformer.text_model.final_layer_norm.weight')
    expect(names).toContain('first_stage_model.decoder.up.3.block.0.conv1.weight')
    expect(names).toContain('first_stage_model.decoder.up.1.block.0.nin_shortcut.weight')
  })

  it('infer the published configs', async () => {
    const { components } = await openCheckpoint(join(folder, 'sdxl.safetensors'))
    expect(components.get('unet')?.config).toMatchObject({
      block_out_channels: [320, 640, 1280],
      attention_head_dim: [5, 10, 20],
      transformer_layers_per_block: [1, 2, 10],
      cross_attention_dim: 2048,
      layers_per_block: 2,
      norm_num_groups: 32,
      projection_class_embeddings_input_dim: 2816,
      addition_time_embed_dim: 256,
      down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
      up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
    })
    expect(components.get('vae')?.config).toMatchObject({
      scaling_factor: 0.13025,
      block_out_channels: [128, 256, 512, 512],
    })
    expect(components.get('text_encoder_2')?.config).toMatchObject({ projection_dim: 1280, num_attention_heads: 20 })
    const sd1 = (await openCheckpoint(join(folder, 'sd14.safetensors'))).components
    expect(sd1.get('unet')?.config).toMatchObject({
      attention_head_dim: 8,
      use_linear_projection: false,
      transformer_layers_per_block: 1,
    })
    expect(sd1.get('vae')?.config).toMatchObject({ scaling_factor: 0.18215, latent_channels: 4, layers_per_block: 2 })
    expect(sd1.get('text_encoder')?.config).toMatchObject({
      hidden_act: 'quick_gelu',
      num_attention_heads: 12,
      num_hidden_layers: 12,
    })
    const refiner = (await openCheckpoint(join(folder, 'refiner.safetensors'))).components
    expect(refiner.get('unet')?.config).toMatchObject({
      attention_head_dim: [6, 12, 24, 24],
      transformer_layers_per_block: [1, 4, 4, 4],
    })
  })

  it('that hold a VAE alone, in either naming, with the old names of its attention', async () => {
    const pipeline = await openCheckpoint(join(folder, 'sd14'))
    const vae = singleFileTargets(pipeline).filter(({ name }) => name.startsWith('first_stage_model.'))
    const ldm = new Map(vae.map(({ name, shape }) => [name.slice('first_stage_model.'.length), shape] as const))
    const old = new Map(
      [...vaeShapes()].map(([name, shape]) => {
        const renamed = name.replace('to_q', 'query').replace('to_k', 'key').replace('to_v', 'value')
        return [renamed.replace('to_out.0', 'proj_attn'), shape] as const
      }),
    )
    for (const [name, shapes] of [
      ['vae-ldm', ldm],
      ['vae-old', old],
    ] as const) {
      const path = join(folder, `${name}.safetensors`)
      writeSparse(path, shapes)
      const opened = await openCheckpoint(path)
      expect(opened.layout).toBe('vae-file')
      const views = [...(opened.components.get('vae')?.tensors.values() ?? [])]
      expect(new Map(views.map((view) => [view.name, view.shape]))).toEqual(vaeShapes())
    }
  })
})

describe('folders', () => {
  const copy = (name: string, source = join(GOLDEN, 'layouts/sd1-sharded/unet')) => {
    const path = join(folder, name)
    mkdirSync(path, { recursive: true })
    cpSync(source, path, { recursive: true })
    return path
  }
  const INDEX = 'diffusion_pytorch_model.safetensors.index.json'

  it('take the plain weights of several variants and say so', async () => {
    const path = join(folder, 'variants')
    const shapes = unetShapes(SD14_UNET)
    for (const variant of ['', '.fp16', '.non_ema'])
      writeSparse(join(path, `diffusion_pytorch_model${variant}.safetensors`), shapes)
    const opened = await openCheckpoint(path)
    expect(opened.files.map((file) => file.path)).toEqual([join(path, 'diffusion_pytorch_model.safetensors')])
    expect(opened.problems).toEqual([
      { severity: 'warning', message: expect.stringMatching(/fp16.*non_ema/) as string },
    ])
  })

  it('with shards of a variant, with and without their index', async () => {
    const path = join(folder, 'variant-shards')
    const shapes = [...unetShapes(SD14_UNET)]
    const names = ['1', '2'].map((part) => `diffusion_pytorch_model.fp16-0000${part}-of-00002.safetensors`)
    const parts = [shapes.slice(0, 300), shapes.slice(300)]
    parts.forEach((part, index) => writeSparse(join(path, names[index] as string), new Map(part)))
    await expect(openCheckpoint(path)).rejects.toMatchObject({ kind: 'malformed' })
    const places = parts.flatMap((part, index) => part.map(([name]) => [name, names[index]]))
    const index = JSON.stringify({ weight_map: Object.fromEntries(places) as unknown })
    writeFileSync(join(path, 'diffusion_pytorch_model.safetensors.index.fp16.json'), index)
    const opened = await openCheckpoint(path)
    expect(opened).toMatchObject({ architecture: 'sd1', problems: [] })
    expect(opened.files).toHaveLength(2)
  })

  it('of a pipeline that lack a component that model_index.json lists open with a problem', async () => {
    const path = copy('incomplete', join(GOLDEN, 'sd1/pipeline'))
    rmSync(join(path, 'vae/diffusion_pytorch_model.safetensors'))
    copyFileSync(join(__dirname, 'containers/pickle/fixtures/module.pt'), join(path, 'vae/diffusion_pytorch_model.bin'))
    rmSync(join(path, 'text_encoder'), { recursive: true })
    const { problems, components } = await openCheckpoint(path)
    expect([...components.keys()]).toEqual(['unet'])
    expect(problems.map(({ message }) => message).join()).toMatch(/whole model with its program.*text_encoder/)
    expect(problems.every(({ severity }) => severity === 'error')).toBe(true)
  })

  it('with a missing shard are refused, naming it', async () => {
    const path = copy('missing-shard')
    rmSync(join(path, 'diffusion_pytorch_model-00002-of-00003.safetensors'))
    await expect(openCheckpoint(path)).rejects.toMatchObject({
      kind: 'malformed',
      message: expect.stringContaining('diffusion_pytorch_model-00002-of-00003.safetensors') as string,
    })
  })

  it.each([
    [
      'a tensor that no shard holds',
      { 'not.there': 'diffusion_pytorch_model-00001-of-00003.safetensors' },
      /not\.there/,
    ],
    ['a file outside of the folder', { 'conv_in.weight': '../x.safetensors' }, /conv_in\.weight/],
    ['a number for a file', { 'conv_in.weight': 3 }, /conv_in\.weight/],
  ])('whose index names %s are refused', async (name, change, message) => {
    const path = copy(`index ${name}`)
    const index = JSON.parse(readFileSync(join(path, INDEX), 'utf8')) as { weight_map: object }
    writeFileSync(join(path, INDEX), JSON.stringify({ weight_map: { ...index.weight_map, ...change } }))
    await expect(openCheckpoint(path)).rejects.toMatchObject({
      kind: 'malformed',
      message: expect.stringMatching(message) as string,
    })
  })

  it('whose shards hold what the index does not place there open with a warning', async () => {
    const path = copy('unplaced')
    const index = JSON.parse(readFileSync(join(path, INDEX), 'utf8')) as { weight_map: Record<string, string> }
    delete index.weight_map['conv_in.weight']
    writeFileSync(join(path, INDEX), JSON.stringify(index))
    const { problems, components } = await openCheckpoint(path)
    expect(problems).toMatchObject([
      { severity: 'warning', message: expect.stringContaining('holds 1 tensors') as string },
    ])
    expect(components.get('unet')?.tensors.has('conv_in.weight')).toBe(true)
  })

  it('with damaged JSON are refused, naming the file', async () => {
    for (const text of ['{', '[]', '']) {
      const path = copy('damaged')
      writeFileSync(join(path, 'config.json'), text)
      const message = expect.stringContaining('config.json') as string
      await expect(openCheckpoint(path)).rejects.toMatchObject({ kind: 'malformed', message })
    }
  })

  it('without a model are refused', async () => {
    await expect(openCheckpoint(join(GOLDEN, 'sd1/pipeline/tokenizer'))).rejects.toMatchObject({ kind: 'unsupported' })
    await expect(openCheckpoint(join(folder, 'nowhere'))).rejects.toMatchObject({ kind: 'not-found' })
  })
})

describe('refuses by name', () => {
  it.each([
    ['a LoRA (kohya)', 'lora/sd1-kohya.safetensors', /LoRA/],
    ['a LoRA (PEFT)', 'lora/sd1-peft.safetensors', /LoRA/],
  ])('%s', async (_, path, message) => {
    await expect(openCheckpoint(join(GOLDEN, path))).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringMatching(message) as string,
    })
  })

  it('scaled fp8', async () => {
    const path = join(folder, 'scaled.safetensors')
    writeSparse(path, new Map([...unetShapes(SD14_UNET), ['conv_in.scale_weight', []]]), { elementType: 'F8_E4M3' })
    await expect(openCheckpoint(path)).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('scaled fp8') as string,
    })
  })
})

it('opens any other set of tensors as generic', async () => {
  const path = join(folder, 'flux.safetensors')
  writeSparse(
    path,
    new Map([
      ['double_blocks.0.img_attn.qkv.weight', [9, 3]],
      ['img_in.bias', [3]],
    ]),
    { elementType: 'BF16' },
  )
  const opened = await openCheckpoint(path)
  expect(opened).toMatchObject({ layout: 'generic', architecture: 'unknown', predictionType: null })
  expect([...(opened.components.get('model')?.tensors.keys() ?? [])]).toHaveLength(2)
})

it('says that a folder has averaged weights beside its UNet, and opens them as a model', async () => {
  const path = join(folder, 'trained')
  for (const name of ['unet', 'unet_ema']) cpSync(family.specialists[0]!.path, join(path, name), { recursive: true })
  const { problems } = await openCheckpoint(path)
  expect(problems.map(({ message }) => message).join('\n')).toContain(`give ${join(path, 'unet_ema')} as the model`)
  expect((await openCheckpoint(join(path, 'unet_ema'))).components.has('unet')).toBe(true)
})
