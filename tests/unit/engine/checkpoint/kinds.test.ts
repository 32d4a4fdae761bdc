import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { compareCheckpoints } from '../../../../src-main/engine/checkpoint/compare'
import type { ElementType } from '../../../../src-main/engine/tensor/element-type'
import { writeModel, type TestTensor } from '../merge/models'
import { loadPipeline } from '../../../../src-main/engine/diffusion/load-pipeline'
import { GOLDEN, writeSparse } from './files'
import {
  SD14_UNET,
  SDXL_UNET,
  REFINER_UNET,
  textEncoderShapes,
  unetShapes,
  vaeShapes,
  type Shapes,
} from './network-shapes'

const folder = mkdtempSync(join(tmpdir(), 'featurefusion-kinds-'))
afterAll(() => rmSync(folder, { recursive: true }))

const LAYER = 'lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k'
const shapes = (entries: Record<string, readonly number[]>): Shapes =>
  new Map(Object.entries(entries).map(([name, shape]) => [name, [...shape]]))
let files = 0
const write = (content: Shapes, options?: Parameters<typeof writeSparse>[2]): string => {
  const path = join(folder, `${++files}.safetensors`)
  writeSparse(path, content, options)
  return path
}
const refusal = (path: string) =>
  openCheckpoint(path).then(
    () => 'opened',
    (error: { kind: string; message: string; hint?: string }) => `${error.kind}: ${error.message} ${error.hint}`,
  )

describe('files that are no safetensors are named', () => {
  it.each([
    ['an empty file', '', /malformed: .* is an empty file\..*Get|get the file/],
    [
      'a Git LFS pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n',
      /Git LFS pointer.*git lfs pull/,
    ],
    ['a web page', '<!DOCTYPE html>\n<html><head>', /web page \(HTML\).*download failed/],
    ['a web page with a byte order mark and blanks', '\ufeff \n<HTML lang="en">', /web page/],
    ["a server's words", 'Entry not found', /a text, not a model: “Entry not found”/],
    ["a server's JSON", '{"error":"Access to this model is restricted"}', /a text.*restricted/],
    [
      'a zip that is cut off',
      'PK\x03\x04\x14\x00\x00\x00',
      /malformed: .* is not a valid PyTorch file: it is too short/,
    ],
    [
      'a pickle that is cut off',
      '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20',
      /not a valid PyTorch file: .* does not end/,
    ],
    [
      'a tar of PyTorch 0.1',
      'storages'.padEnd(257, '\0') + 'ustar'.padEnd(255, '\0'),
      /PyTorch checkpoint of 2016 \(tar\)/,
    ],
    ['another tar', 'model.bin'.padEnd(257, '\0') + 'ustar'.padEnd(255, '\0'), /an archive.*Unpack/],
    ['a GGUF', 'GGUF\x03\x00\x00\x00', /GGUF file: a quantised model/],
    ['a gzip archive', '\x1f\x8b\x08\x00\x00\x00\x00\x00', /an archive.*Unpack/],
    ['a picture', '\x89PNG\r\n\x1a\n\0\0', /a picture/],
  ])('%s', async (_, content, message) => {
    const path = join(folder, `${++files}.safetensors`)
    writeFileSync(path, content.startsWith('\ufeff') ? content : Buffer.from(content, 'latin1'))
    expect(await refusal(path)).toMatch(message)
  })

  it.each([
    'model_index.json',
    'config.json',
    'diffusion_pytorch_model.safetensors.index.json',
    'pytorch_model.bin.index.json',
    'diffusion_pytorch_model.safetensors.index.fp16.json',
  ])('%s, with the folder that is the model', async (name) => {
    writeFileSync(join(folder, name), '{\n  "_class_name": "StableDiffusionPipeline"\n}')
    const words = await refusal(join(folder, name))
    expect(words).toMatch(/describes a model's folder.*Choose the folder itself/)
    expect(words.endsWith(folder)).toBe(true)
    expect(words).not.toContain('download')
  })

  it.each(['.ckpt', '.pt', '.pth', '.bin'])(
    'what is named %s and is no file of PyTorch is called damaged',
    async (ending) => {
      const path = join(folder, `broken${ending}`)
      writeFileSync(path, Buffer.from('\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a', 'latin1'))
      expect(await refusal(path)).toMatch(/malformed: .* is not a valid PyTorch file/)
    },
  )

  it('a safetensors file named .ckpt is read', async () => {
    const path = join(folder, 'renamed.ckpt')
    copyFileSync('tests/golden/layouts/sd1-ldm.safetensors', path)
    expect((await openCheckpoint(path)).architecture).toBe('sd1')
  })

  it('a header of 640 bytes, which begins like a pickle, is read', async () => {
    const path = join(folder, 'header-640.safetensors')
    const header = Buffer.from(JSON.stringify({ x: { dtype: 'F32', shape: [0], data_offsets: [0, 0] } }).padEnd(640))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(640n)
    writeFileSync(path, Buffer.concat([length, header]))
    expect((await openCheckpoint(path)).layout).toBe('generic')
  })
})

/** What the refusal says to do instead. */
function adviceOn(title: string): RegExp {
  if (title.includes('textual')) return /--embedding/
  return /older form|Control/.test(title) ? /Merge it into its model first/ : /as a specialist of a merge/
}

describe('adapters and embeddings are refused as models by their name', () => {
  it.each([
    [
      'a LoRA',
      { [`${LAYER}.lora_down.weight`]: [4, 32], [`${LAYER}.lora_up.weight`]: [24, 4], [`${LAYER}.alpha`]: [] },
    ],
    [
      'a LoRA',
      {
        'unet.down_blocks.1.attn2.to_k.lora_A.weight': [4, 32],
        'unet.down_blocks.1.attn2.to_k.lora_B.weight': [24, 4],
      },
    ],
    ['a LoRA', { 'base_model.model.to_q.lora_A.default.weight': [4, 32] }],
    ['a LoRA', { 'down_blocks.1.attn2.processor.to_k_lora.down.weight': [4, 32] }],
    ['a LoRA', { 'unet.mid_block.attn1.to_k.lora.down.weight': [4, 32] }],
    ['a LoCon', { [`${LAYER}.lora_down.weight`]: [4, 32, 3, 3], [`${LAYER}.lora_up.weight`]: [24, 4, 1, 1] }],
    ['a LoCon', { [`${LAYER}.lora_mid.weight`]: [4, 4, 3, 3] }],
    ['a DoRA', { [`${LAYER}.lora_down.weight`]: [4, 32], [`${LAYER}.dora_scale`]: [24, 1] }],
    ['a DoRA', { 'x.lora_A.weight': [4, 32], 'x.lora_magnitude_vector': [24] }],
    ['a LoHa', { [`${LAYER}.hada_w1_a`]: [4, 4], [`${LAYER}.hada_w2_b`]: [4, 4] }],
    ['a LoKr', { [`${LAYER}.lokr_w1`]: [4, 4], [`${LAYER}.lokr_w2_a`]: [4, 4] }],
    ['a LoKr', { [`${LAYER}.lokr_t2`]: [4, 4, 3, 3] }],
    ['an OFT', { [`${LAYER}.oft_blocks`]: [4, 8, 8] }],
    ["an OFT in PEFT's form", { 'base_model.model.to_q.oft_R.weight': [4, 28] }],
    ['an OFT in an older form', { 'base_model.model.to_q.oft_r': [4, 8, 8] }],
    ['a BOFT', { [`${LAYER}.oft_blocks`]: [2, 4, 8, 8] }],
    ["a BOFT in PEFT's form", { 'base_model.model.to_q.boft_R': [4, 8, 8] }],
    [
      'a GLoRA',
      {
        [`${LAYER}.a1.weight`]: [4, 4],
        [`${LAYER}.a2.weight`]: [4, 4],
        [`${LAYER}.b1.weight`]: [4, 4],
        [`${LAYER}.b2.weight`]: [4, 4],
      },
    ],
    ['an IA3', { [`${LAYER}.weight`]: [24], [`${LAYER}.on_input`]: [] }],
    ["an IA3 adapter in PEFT's form", { 'base_model.model.to_q.ia3_l': [24] }],
    ['LyCORIS full', { [`${LAYER}.diff`]: [24, 32], [`${LAYER}.diff_b`]: [24] }],
    ['LyCORIS norm', { [`${LAYER}.w_norm`]: [24], [`${LAYER}.b_norm`]: [24] }],
    ['an adapter (LyCORIS)', { [`${LAYER}.something_new`]: [24] }],
    ['a Control-LoRA', { lora_controlnet: [], 'input_blocks.1.0.in_layers.2.up': [4, 4] }],
    ['a ControlNet-LLLite', { 'lllite_unet_input_blocks_1.depth1.0.weight': [4, 4] }],
    ['a textual inversion', { emb_params: [2, 768] }],
    ['a textual inversion', { clip_l: [2, 768], clip_g: [2, 1280] }],
    ['a textual inversion', { '<cat-toy>': [3, 5] }],
    ['a textual inversion', { 'midjourney-style': [768] }],
  ] as const)('%s', async (title, content) => {
    const found = await refusal(write(shapes(content as Record<string, readonly number[]>)))
    expect(found).toContain(`unsupported: `)
    expect(found).toContain(title)
    expect(found).toMatch(adviceOn(title))
  })
})

it('a folder is refused by the adapter or the file that it holds', async () => {
  const place = join(folder, 'adapter')
  writeSparse(join(place, 'adapter_model.safetensors'), shapes({ 'base_model.model.to_q.lora_A.weight': [4, 32] }))
  expect(await refusal(place)).toMatch(/adapter_model\.safetensors is a LoRA/)
  writeSparse(join(folder, 'plain/dream.safetensors'), unetShapes(SD14_UNET))
  expect(await refusal(join(folder, 'plain'))).toMatch(
    /not a folder of a model.*Choose the file in it: dream\.safetensors/,
  )
})

describe('other networks are named, and merge with their own kind only', () => {
  it.each([
    [
      'a ControlNet',
      { 'control_model.input_blocks.0.0.weight': [4, 4, 3, 3], 'control_model.zero_convs.0.0.weight': [4, 4, 1, 1] },
    ],
    ['a ControlNet', { 'input_blocks.0.0.weight': [320, 4, 3, 3], 'input_hint_block.0.weight': [16, 3, 3, 3] }],
    ['a T2I-Adapter', { 'adapter.body.0.resnets.0.block1.weight': [4, 4, 3, 3] }],
    ['a T2I-Adapter', { 'body.0.block1.weight': [4, 4, 3, 3], 'conv_in.weight': [4, 4, 3, 3] }],
    ['an IP-Adapter', { 'image_proj.proj.weight': [4, 4], 'ip_adapter.1.to_k_ip.weight': [4, 4] }],
    ['an upscaler', { 'model.1.sub.0.RDB1.conv1.0.weight': [32, 64, 3, 3] }],
    ['an upscaler', { 'body.0.rdb1.conv1.weight': [32, 64, 3, 3], 'conv_first.weight': [64, 3, 3, 3] }],
    ['a FLUX transformer', { 'double_blocks.0.img_attn.qkv.weight': [9, 3], 'img_in.bias': [3] }],
    ['a FLUX transformer', { 'model.diffusion_model.double_blocks.0.img_attn.qkv.weight': [9, 3] }],
    [
      'a Stable Diffusion 3 transformer',
      { 'model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight': [9, 3] },
    ],
    ['a PixArt transformer', { 'adaln_single.linear.weight': [6, 6], 'caption_projection.linear_1.weight': [6, 6] }],
    ['a Wan video transformer', { 'blocks.0.self_attn.q.weight': [6, 6], 'patch_embedding.weight': [6, 6, 1, 2, 2] }],
    ['a CLIP text encoder', { 'text_model.embeddings.token_embedding.weight': [10, 4] }],
    ['a CLIP text encoder', { token_embedding_unused: [1], 'token_embedding.weight': [10, 4] }],
    ['a T5 text encoder', { 'encoder.block.0.layer.0.SelfAttention.q.weight': [4, 4] }],
    ['a CLIP vision encoder', { 'vision_model.encoder.layers.0.mlp.fc1.weight': [4, 4] }],
    ['an AnimateDiff motion module', { 'down_blocks.0.motion_modules.0.temporal_transformer.norm.weight': [4] }],
  ] as const)('%s', async (title, content) => {
    const opened = await openCheckpoint(write(shapes(content as Record<string, readonly number[]>)))
    expect(opened).toMatchObject({ layout: 'generic', kind: { title: expect.stringContaining(title) as string } })
    expect(opened.problems.map(({ message }) => message).join()).toContain(title)
    const base = await openCheckpoint(write(unetShapes(SD14_UNET)))
    const [problem] = compareCheckpoints(base, [opened], ['unet'])
    expect(problem).toMatchObject({ kind: 'missing-component', message: expect.stringContaining(title) as string })
    expect(problem!.hint).toMatch(/own kind/)
    expect(compareCheckpoints(opened, [opened], ['model'])).toEqual([])
  })

  it("a ControlNet in diffusers' names is no UNet, though it has one's first half", async () => {
    const half = [...unetShapes(SD14_UNET)].filter(([name]) => !/^(?:up_blocks|conv_out|conv_norm_out)/.test(name))
    const names = ['controlnet_cond_embedding.conv_in.weight', 'controlnet_down_blocks.0.weight']
    const content: Shapes = new Map([
      ...half,
      ...names.map((name) => [name, [4]] as const).map(([name, shape]) => [name, [...shape]] as [string, number[]]),
    ])
    const file = write(content)
    expect((await openCheckpoint(file)).kind?.title).toBe('a ControlNet')
    writeSparse(join(folder, 'controlnet/diffusion_pytorch_model.safetensors'), content)
    expect((await openCheckpoint(join(folder, 'controlnet'))).kind?.title).toBe('a ControlNet')
  })

  it('a checkpoint that carries a ControlNet stays a checkpoint', async () => {
    const ldm: Shapes = new Map([...unetShapes(SD14_UNET)].map(([name, shape]) => [`unet.${name}`, shape]))
    const opened = await openCheckpoint(write(new Map([...ldm, ['control_model.zero_convs.0.0.weight', [4, 4, 1, 1]]])))
    expect(opened).toMatchObject({ layout: 'single-file', architecture: 'sd1', kind: null })
    expect(opened.extras.map(({ name }) => name)).toEqual(['control_model.zero_convs.0.0.weight'])
  })

  it('a VAE alone as a specialist, and a refiner with SDXL, are told what to do', async () => {
    const base = await openCheckpoint(write(unetShapes(SDXL_UNET)))
    const vae = await openCheckpoint(write(vaeShapes()))
    expect(vae.problems).toEqual([])
    expect(compareCheckpoints(base, [vae], ['unet'])).toMatchObject([
      {
        message: expect.stringContaining('is a VAE alone') as string,
        hint: expect.stringContaining('--vae') as string,
      },
    ])
    const refiner = await openCheckpoint(write(unetShapes(REFINER_UNET)))
    expect(compareCheckpoints(base, [refiner], ['unet'])[0]).toMatchObject({
      message: expect.stringContaining('SDXL refiner') as string,
      hint: expect.stringContaining('refiners') as string,
    })
  })

  it("SDXL's second text encoder without its projection is a problem in words", async () => {
    const place = join(folder, 'no-projection')
    writeSparse(join(place, 'unet/diffusion_pytorch_model.safetensors'), unetShapes(SDXL_UNET))
    writeSparse(join(place, 'text_encoder_2/model.safetensors'), textEncoderShapes(1280, 32))
    const { problems } = await openCheckpoint(place)
    expect(problems).toContainEqual({
      severity: 'warning',
      message: expect.stringContaining('text_projection') as string,
    })
  })
})

it("SDXL's second text encoder without its projection is not drawn with", async () => {
  const checkpoint = await openCheckpoint(join(GOLDEN, 'sdxl/pipeline'))
  checkpoint.components.get('text_encoder_2')!.tensors.delete('text_projection.weight')
  await expect(loadPipeline(checkpoint, { device: 'cpu' })).rejects.toMatchObject({
    kind: 'incompatible',
    message: expect.stringContaining('text_projection') as string,
  })
})

describe('UNets that take more than latents', () => {
  const unet = (inChannels: number, settings: typeof SD14_UNET = SD14_UNET) =>
    openCheckpoint(write(unetShapes({ ...settings, inChannels })))

  it.each([
    [5, /depth-to-image UNet/],
    [8, /Pix2Pix/i],
    [9, /inpainting UNet/],
  ])('of %i channels fit as the base of those of 4, not the other way round', async (channels, message) => {
    const [plain, wide] = [await unet(4), await unet(channels)]
    const [found] = compareCheckpoints(plain, [wide], ['unet'])
    expect(found).toMatchObject({ kind: 'family', severity: 'error' })
    expect(found!.message).toMatch(message)
    expect(found!.hint).toMatch(/Use .* as the base.*add difference.*--include text_encoder/)
    expect(compareCheckpoints(wide, [plain, wide], ['unet'])).toEqual([])
  })

  it('of 8 and of 9 channels do not fit: they mean other things', async () => {
    const [found] = compareCheckpoints(await unet(9), [await unet(8)], ['unet'])
    expect(found!.hint).toMatch(/Merge inpainting models with inpainting models only/)
  })

  it('of another family are told apart by their family', async () => {
    const [found] = compareCheckpoints(await unet(9), [await unet(4, SDXL_UNET)], ['unet'])
    expect(found!.message).toMatch(/SDXL UNet.*cannot be merged/)
  })
})

describe('quantised models are refused by name', () => {
  const UNET = [...unetShapes(SD14_UNET)].map(([name, shape]) => [`unet.${name}`, shape] as const)
  const WEIGHT = 'unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q'
  const beside = (...names: string[]): Shapes =>
    new Map([...UNET, ...names.map((name) => [`${WEIGHT}.${name}`, [4]] as [string, number[]])])

  it.each([
    ['bitsandbytes (NF4)', ['weight.absmax', 'weight.quant_map', 'weight.quant_state.bitsandbytes__nf4']],
    ['bitsandbytes (FP4)', ['weight.absmax', 'weight.quant_state.bitsandbytes__fp4']],
    ['bitsandbytes', ['weight.absmax']],
    ['8 bits by bitsandbytes', ['SCB']],
    ['GPTQ or AWQ', ['qweight', 'qzeros', 'scales']],
    ['quanto', ['weight._data', 'weight._scale']],
    ['torchao', ['weight_qdata', 'weight_scale']],
    ['nvfp4', ['weight_scale', 'weight_scale_2', 'input_scale']],
    ['scaled fp8', ['scale_weight']],
    ['scaled fp8', ['weight_scale', 'input_scale']],
    ['HQQ', ['W_q', 'meta']],
    ['compressed-tensors', ['weight_packed', 'weight_scale', 'weight_shape']],
    ['SVDQuant', ['qweight', 'wscales']],
    ['zero points', ['weight', 'scale', 'zero_point']],
  ])('by what lies beside the weights: %s', async (title, names) => {
    expect(await refusal(write(beside(...names)))).toMatch(
      new RegExp(`unsupported: .*quantised model.*${title.replace(/[()]/g, '\\$&')}.*cannot be merged`),
    )
  })

  it("by ComfyUI's marker of scaled fp8 alone", async () => {
    expect(await refusal(write(new Map([...UNET, ['scaled_fp8', [2]]]), { elementType: 'F8_E4M3' }))).toContain(
      'scaled fp8',
    )
  })

  it('by a scale of any name beside a weight in fp8; fp8 without scales is opened', async () => {
    const content = beside('my_scale')
    expect(await refusal(write(content, { elementType: 'F8_E4M3' }))).toContain('scaled fp8')
    expect(await refusal(write(new Map(UNET), { elementType: 'F8_E5M2' }))).toBe('opened')
  })

  it.each(['I8', 'U8', 'I32', 'BOOL'] as const)('by weights that are %s', async (type: ElementType) => {
    const number = (elementType: ElementType, shape: number[], bytes: number): TestTensor => ({
      type: elementType,
      shape,
      bytes: new Uint8Array(shape.reduce((a, b) => a * b, bytes)),
    })
    const size = { I8: 1, U8: 1, BOOL: 1, I32: 4 }[type as 'I8']
    const path = writeModel(join(folder, `${type}.safetensors`), {
      'conv_in.weight': number('F16', [4, 4, 3, 3], 2),
      'time_embedding.linear_1.weight': number('F16', [4, 4], 2),
      'down_blocks.0.resnets.0.conv1.weight': number('F16', [4, 4, 3, 3], 2),
      'mid_block.attentions.0.proj_in.weight': number(type, [4, 4], size),
    })
    const found = await refusal(path)
    expect(found).toMatch(new RegExp(`quantised model: its weights are stored as ${type}`))
  })

  it('by their config.json and by metadata of ComfyUI', async () => {
    const place = join(folder, 'quantised')
    writeSparse(join(place, 'diffusion_pytorch_model.safetensors'), unetShapes(SD14_UNET))
    const config = { _class_name: 'UNet2DConditionModel', quantization_config: { quant_method: 'bitsandbytes' } }
    writeFileSync(join(place, 'config.json'), JSON.stringify(config))
    expect(await refusal(place)).toMatch(/quantised.*bitsandbytes/)
    const metadata = { _quantization_metadata: '{}' }
    expect(await refusal(write(unetShapes(SD14_UNET), { metadata }))).toMatch(/quantised.*ComfyUI/)
  })
})
