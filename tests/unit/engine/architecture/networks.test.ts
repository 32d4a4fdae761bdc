import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { buildClipText } from '../../../../src-main/engine/architecture/clip-text'
import { conv, linear } from '../../../../src-main/engine/architecture/layers'
import {
  NetworkGraph,
  type BuiltNetwork,
  type NetworkOptions,
} from '../../../../src-main/engine/architecture/network-graph'
import { buildUnet } from '../../../../src-main/engine/architecture/unet'
import { readUnetConfig } from '../../../../src-main/engine/architecture/unet-config'
import { buildVaeDecoder, buildVaeEncoder, readVaeConfig } from '../../../../src-main/engine/architecture/vae'
import type { ComponentName, TensorView } from '../../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { TensorReader } from '../../../../src-main/engine/checkpoint/containers/tensor-reader'
import { convolvesInBlocks } from '../../../../src-main/engine/runtime/blocked-convolution'
import { Network } from '../../../../src-main/engine/runtime/network'
import type { Tensor } from '../../../../src-main/engine/runtime/session'
import { difference, noise, run } from './run-networks'

const GOLDEN = 'tests/golden'
const PLAIN: NetworkOptions = { computeType: 'F32', weights: 'initializers', attention: 'fused' }

/** Channels of a block: AVX2 and SSE, AVX-512 and NEON. */
const BLOCKS = [8, 16]

type Config = Record<string, unknown>
type Build = (config: Config, tensors: ReadonlyMap<string, TensorView>, options: NetworkOptions) => BuiltNetwork

const ids = (...values: number[]): Tensor => ({ data: BigInt64Array.from(values, BigInt), dims: [1, values.length] })
const timesteps = (...values: number[]): Tensor => ({ data: Float32Array.from(values), dims: [values.length] })

const unetFeeds = (context: number): Record<string, Tensor> => ({
  sample: noise(1, 3, 4, 9, 8),
  timestep: timesteps(799.2, 20, 500),
  encoder_hidden_states: noise(2, 3, 77, context),
})
const sdxlFeeds = { ...unetFeeds(72), text_embeds: noise(3, 3, 32), time_ids: noise(4, 3, 6) }

const NETWORKS: [name: string, set: string, part: ComponentName, build: Build, feeds: Record<string, Tensor>][] = [
  ['sd1 UNet', 'sd1', 'unet', buildUnet, unetFeeds(32)],
  ['sdxl UNet', 'sdxl', 'unet', buildUnet, sdxlFeeds],
  ['text encoder', 'sd1', 'text_encoder', buildClipText, { input_ids: ids(1012, 5, 7, 1013, 1013) }],
  ['text encoder with projection', 'sdxl', 'text_encoder_2', buildClipText, { input_ids: ids(1012, 5, 7, 1013, 0) }],
  ['VAE decoder', 'sd1', 'vae', buildVaeDecoder, { z: noise(5, 2, 4, 6, 5) }],
  ['VAE encoder', 'sd1', 'vae', buildVaeEncoder, { image: noise(6, 1, 3, 40, 48) }],
]

async function component(
  set: string,
  part: ComponentName,
): Promise<{ config: Config; tensors: Map<string, TensorView> }> {
  const { config, tensors } = (await openCheckpoint(join(GOLDEN, set, 'pipeline'))).components.get(part)!
  return { config: config!, tensors }
}

/** The weights of a network that takes them as inputs, from its float32 files. */
function storedWeights({ weightInputs }: BuiltNetwork): Record<string, Tensor> {
  const reader = new TensorReader()
  const weights = weightInputs.map(({ name, dims, view: { stored, start } }): [string, Tensor] => {
    const data = new Float32Array(dims.reduce((product, size) => product * size, 1))
    reader.read(stored, start, new Uint8Array(data.buffer))
    return [name, { data, dims }]
  })
  reader.close()
  return Object.fromEntries(weights)
}

describe.each(NETWORKS)('%s', (_name, set, part, build, feeds) => {
  it('computes the same with its weights as inputs', async () => {
    const { config, tensors } = await component(set, part)
    const built = build(config, tensors, { ...PLAIN, weights: 'inputs' })
    expect(built.externalFolder).toBeUndefined()
    const expected = await run(build(config, tensors, PLAIN), feeds)
    expect(difference(await run(built, feeds, storedWeights(built)), expected)).toBeLessThan(2e-5)
  })

  it.each(BLOCKS)('takes filters in blocks of %d channels where these divide both counts', async (block) => {
    const { config, tensors } = await component(set, part)
    const { weightInputs } = build(config, tensors, { ...PLAIN, weights: 'inputs', convolutionBlock: block })
    for (const { name, dims, block: own } of weightInputs) {
      const isDivided = dims.length === 4 && dims[0]! % block === 0 && dims[1]! % block === 0
      expect(`${name} ${own}`).toBe(`${name} ${isDivided ? block : undefined}`)
    }
  })

  it.for(BLOCKS)('computes the same with filters that are fed in blocks of %d channels', async (block, { skip }) => {
    const { config, tensors } = await component(set, part)
    const built = build(config, tensors, { ...PLAIN, weights: 'inputs', convolutionBlock: block })
    const isBlocked = built.weightInputs.some((input) => input.block !== undefined)
    // Without any, every processor runs it.
    if (isBlocked && !(await convolvesInBlocks(block))) return skip(`this processor has no blocks of ${block}`)
    const expected = await run(build(config, tensors, PLAIN), feeds)
    const network = await Network.open(built, { provider: 'cpu' })
    const weights = storedWeights(built)
    const others = Object.fromEntries(
      Object.entries(weights).map(([name, { data, dims }]) => [
        name,
        { data: Float32Array.from(data, Number).fill(0.01), dims },
      ]),
    )
    network.setWeights(others)
    network.setWeights(weights) // into the places of those before
    const results = await network.run(feeds)
    await network.release()
    expect(difference(results, expected)).toBeLessThan(2e-5)
  })

  it('computes nearly the same in float16, and the same with sliced attention', async () => {
    const { config, tensors } = await component(set, part)
    const expected = await run(build(config, tensors, PLAIN), feeds)
    const half = await run(build(config, tensors, { ...PLAIN, computeType: 'F16', attention: 1 }), feeds)
    expect(difference(half, expected)).toBeLessThan(2e-2)
    expect(difference(half, expected)).toBeGreaterThan(0)
    const sliced = await run(build(config, tensors, { ...PLAIN, attention: 3 }), feeds)
    expect(difference(sliced, expected)).toBeLessThan(2e-5)
  })
})

describe.each(BLOCKS)('convolutions in blocks of %d channels', (block) => {
  const sizes = [
    [2, 3],
    [1, 1],
    [1.5, 2],
    [2, 0.5],
  ].map(([inputs, outputs]): [number, number] => [inputs! * block, outputs! * block])

  it.for(sizes)('%d to %d channels compute the same', async ([inputs, outputs], { skip }) => {
    const shape = [outputs, inputs, 3, 3]
    const isDivided = inputs % block === 0 && outputs % block === 0
    const stored = {
      name: 'w',
      path: '',
      elementType: 'F32' as const,
      shape,
      offset: 0,
      byteLength: 36 * inputs * outputs,
    }
    const view: TensorView = { name: 'layer.weight', shape, stored, start: 0, transposed: false }
    const built = (convolutionBlock: object): BuiltNetwork => {
      const options = { ...PLAIN, weights: 'inputs' as const, ...convolutionBlock }
      const net = new NetworkGraph('test', new Map([['layer.weight', view]]), options)
      const x = net.input('x', [1, inputs, 5, 6])
      net.output('y', conv(net, 'layer', x, inputs, outputs, { bias: false }), [1, outputs, 5, 6])
      return net.finish()
    }
    const blocked = built({ convolutionBlock: block })
    expect(blocked.weightInputs.map((input) => input.block)).toEqual([isDivided ? block : undefined])
    if (isDivided && !(await convolvesInBlocks(block))) return skip(`this processor has no blocks of ${block}`)
    const feeds = { x: noise(1, 1, inputs, 5, 6) }
    const weights = { 'layer.weight': noise(2, ...shape) }
    expect(difference(await run(blocked, feeds, weights), await run(built({}), feeds, weights))).toBeLessThan(2e-5)
  })
})

describe('weights', () => {
  const folder = mkdtempSync(join(tmpdir(), 'networks-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('are found through the layout of an SDXL file: parts of in_proj, a transposed projection', async () => {
    const { components } = await openCheckpoint(join(GOLDEN, 'layouts/sdxl-ldm-fp16.safetensors'))
    const { config, tensors } = await component('sdxl', 'text_encoder_2')
    const views = components.get('text_encoder_2')!.tensors
    expect([...views.values()].some(({ transposed }) => transposed)).toBe(true)
    expect([...views.values()].some(({ start }) => start > 0)).toBe(true)
    const feeds = { input_ids: ids(1012, 5, 7, 1013, 0) }
    const single = await run(buildClipText(config, views, PLAIN), feeds)
    const pipeline = await run(buildClipText(config, tensors, PLAIN), feeds)
    expect(difference(single, pipeline)).toBeLessThan(5e-3)
  })

  it.each(['F32', 'F16'] as const)('may lie at any byte of a file (%s)', async (elementType) => {
    const path = join(folder, `unaligned-${elementType}`)
    const values =
      elementType === 'F32'
        ? Float32Array.of(1, 2, 3, 4, 5, 6)
        : Uint16Array.of(0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600)
    writeFileSync(path, Buffer.concat([Buffer.alloc(5), Buffer.from(values.buffer)]))
    const stored = { name: 'w', path, elementType, shape: [2, 3], offset: 5, byteLength: values.byteLength }
    const view: TensorView = { name: 'layer.weight', shape: [2, 3], stored, start: 0, transposed: false }
    const net = new NetworkGraph('test', new Map([['layer.weight', view]]), PLAIN)
    net.output('y', linear(net, 'layer', net.input('x', ['n', 3]), 3, 2, false), ['n', 2])
    const { y } = await run(net.finish(), { x: { data: Float32Array.of(1, 10, 100), dims: [1, 3] } })
    expect([...y!.data]).toEqual([321, 654])
  })

  it('that are missing, of another shape or unknown are named with their file', async () => {
    const { config, tensors } = await component('sd1', 'unet')
    const without = new Map(tensors)
    without.delete('mid_block.resnets.1.conv2.bias')
    expect(() => buildUnet(config, without, PLAIN)).toThrow(
      /lacks the tensor mid_block\.resnets\.1\.conv2\.bias .*safetensors/,
    )
    expect(() => buildUnet({ ...config, cross_attention_dim: 40 }, tensors, PLAIN)).toThrow(
      /safetensors: the tensor .*attn2\.to_k\.weight has the shape \[16,32\] where the config asks for \[16,40\]/,
    )
    const more = new Map(tensors).set('extra.weight', { ...tensors.get('conv_in.weight')!, name: 'extra.weight' })
    expect(() => buildUnet(config, more, PLAIN)).toThrow(/no place: extra\.weight/)
  })
})

describe('configs', () => {
  const config = JSON.parse(readFileSync(join(GOLDEN, 'sd2/pipeline/unet/config.json'), 'utf8')) as Config

  it.each<[string, unknown, string]>([
    ['class_embed_type', 'timestep', 'unsupported'],
    ['time_cond_proj_dim', 256, 'unsupported'],
    ['resnet_time_scale_shift', 'scale_shift', 'unsupported'],
    ['down_block_types', ['AttnDownBlock2D', 'DownBlock2D', 'DownBlock2D', 'DownBlock2D'], 'unsupported'],
    ['addition_embed_type', 'image', 'unsupported'],
    ['a_key_of_the_future', 3, 'unsupported'],
    ['block_out_channels', 'many', 'malformed'],
    ['block_out_channels', [8, 16, 24], 'malformed'],
    ['norm_num_groups', 7, 'malformed'],
    ['attention_head_dim', [1, 2, 3, 400], 'malformed'],
    ['layers_per_block', 2.5, 'malformed'],
  ])('are refused by name: %s = %j', (key, value, kind) => {
    expect(() => readUnetConfig({ ...config, [key]: value })).toThrow(
      expect.objectContaining({ kind, message: expect.stringContaining(key === 'attention_head_dim' ? 'heads' : key) }),
    )
  })

  /** Those of diffusers 0.42.1: the same network with null as without it, for each of these keys. */
  it('take null as diffusers does', () => {
    const nulls = [
      'center_input_sample',
      'upcast_attention',
      'dual_cross_attention',
      'resnet_skip_time_act',
      'resnet_out_scale_factor',
      'attention_type',
      'class_embeddings_concat',
      'mid_block_only_cross_attention',
      'time_embedding_dim',
      'sample_size',
    ]
    for (const key of nulls) {
      const expected = readUnetConfig({ ...config, ...(key === 'upcast_attention' && { [key]: false }) })
      expect(readUnetConfig({ ...config, [key]: null })).toEqual(expected)
    }
    expect(readUnetConfig({ ...config, flip_sin_to_cos: null }).flipSinToCos).toBe(false)
    expect(readVaeConfig({ force_upcast: null, shift_factor: null, latents_mean: null }).forceUpcast).toBe(false)
    // Null means no layer here.
    expect(() => readUnetConfig({ ...config, mid_block_type: null })).toThrow(/mid_block_type/)
    expect(readVaeConfig({ use_post_quant_conv: null }).usePostQuantConv).toBe(false)
  })

  it('say nothing of the network by private keys and those of a training’s average', () => {
    const ema = { decay: 0.9999, inv_gamma: 1, min_decay: 0, optimization_step: 37000, power: 2 / 3 }
    const more = { update_after_step: 0, use_ema_warmup: true, _my_trainer: { lr: 1 } }
    expect(readUnetConfig({ ...config, ...ema, ...more })).toEqual(readUnetConfig(config))
  })

  it('have diffusers defaults', () => {
    expect(readUnetConfig({})).toMatchObject({ groups: 32, timeWidth: 1280, crossAttentionDim: 1280, addition: null })
    expect(readUnetConfig({}).levels.map(({ channels, depth, heads }) => [channels, depth, heads])).toEqual([
      [320, 1, 8],
      [640, 1, 8],
      [1280, 1, 8],
      [1280, 0, 8],
    ])
  })
})
