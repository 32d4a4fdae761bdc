import type { TensorView } from '../checkpoint/model/checkpoint'
import type { Value } from '../graph/onnx-builder'
import { ConfigReader, MOST_LAYERS } from './config-reader'
import { activation, attention, conv, fromRows, groupNorm, linear, toRows } from './layers'
import { NetworkGraph, type BuiltNetwork, type NetworkOptions } from './network-graph'
import { resnet, upsample } from './resnet'

const EPSILON = 1e-6
const LOG_VARIANCE_LIMITS = [-30, 20] as const

export interface VaeConfig {
  inChannels: number
  outChannels: number
  latentChannels: number
  channels: number[]
  layers: number
  groups: number
  midAttention: boolean
  useQuantConv: boolean
  usePostQuantConv: boolean
  /** Latents of the diffusion model are the VAE's less the means, times this, by the deviations. */
  scalingFactor: number
  /** Mean and deviation of each channel, which SDXL's pipelines alone read; null: 0 and 1. */
  latentStatistics: { means: readonly number[]; deviations: readonly number[] } | null
  /** Must compute in float32, whatever the device prefers. */
  forceUpcast: boolean
  /** Pixels along an edge per latent. */
  scale: number
}

/**
 * An AutoencoderKL's config with diffusers' defaults (0.42).
 * @throws FusionError 'unsupported' or 'malformed', with the key and its value
 */
export function readVaeConfig(json: Readonly<Record<string, unknown>>): VaeConfig {
  const config = new ConfigReader(json, 'AutoencoderKL')
  config.ignore('sample_size')
  config.choice('act_fn', 'silu', ['silu', 'swish'])
  // No pipeline of Stable Diffusion reads it.
  config.ignore('shift_factor')
  const channels = config.integers('block_out_channels', [64])
  const down = config.strings('down_block_types', ['DownEncoderBlock2D'], ['DownEncoderBlock2D'])
  const up = config.strings('up_block_types', ['UpDecoderBlock2D'], ['UpDecoderBlock2D'])
  if (down.length !== channels.length || up.length !== channels.length)
    throw config.contradiction(
      `${channels.length} block_out_channels, ${down.length} down_block_types, ${up.length} up_block_types`,
    )
  const latentChannels = config.integer('latent_channels', 4)
  const means = config.optionalNumbers('latents_mean', latentChannels)
  const deviations = config.optionalNumbers('latents_std', latentChannels)
  const result: VaeConfig = {
    inChannels: config.integer('in_channels', 3),
    outChannels: config.integer('out_channels', 3),
    latentChannels,
    channels,
    layers: config.integer('layers_per_block', 1, 1, MOST_LAYERS),
    groups: config.integer('norm_num_groups', 32),
    midAttention: config.boolean('mid_block_add_attention', true),
    useQuantConv: config.boolean('use_quant_conv', true),
    usePostQuantConv: config.boolean('use_post_quant_conv', true),
    scalingFactor: config.number('scaling_factor', 0.18215),
    latentStatistics: means && deviations && { means, deviations },
    forceUpcast: config.boolean('force_upcast', true),
    scale: 2 ** (channels.length - 1),
  }
  for (const width of channels)
    if (width % result.groups !== 0)
      throw config.contradiction(`${width} channels are not divisible by ${result.groups} norm_num_groups`)
  config.finish()
  return result
}

/**
 * The decoder of an AutoencoderKL. Input: `z` float32 [batch, latent_channels, h, w], already divided by the scaling
 * factor. Output: `image` float32 [batch, out_channels, scale·h, scale·w], about −1 … 1, not clamped.
 * @throws FusionError 'unsupported', 'malformed' or 'incompatible'
 */
export function buildVaeDecoder(
  json: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, TensorView>,
  options: NetworkOptions,
): BuiltNetwork {
  const config = readVaeConfig(json)
  const { latentChannels, outChannels } = config
  const net = new NetworkGraph('AutoencoderKL', tensors, options)
  let hidden = net.input('z', ['batch', latentChannels, 'h', 'w'])
  if (config.usePostQuantConv)
    hidden = conv(net, 'post_quant_conv', hidden, latentChannels, latentChannels, { kernel: 1 })
  const widths = [...config.channels].reverse()
  hidden = conv(net, 'decoder.conv_in', hidden, latentChannels, widths[0]!)
  hidden = midBlock(net, 'decoder.mid_block', hidden, widths[0]!, config)
  let inputs = widths[0]!
  widths.forEach((width, index) => {
    const module = `decoder.up_blocks.${index}`
    for (let layer = 0; layer <= config.layers; layer++) {
      hidden = resnetOf(net, `${module}.resnets.${layer}`, hidden, inputs, width, config)
      inputs = width
    }
    if (index < widths.length - 1)
      hidden = conv(net, `${module}.upsamplers.0.conv`, upsample(net, hidden), width, width)
  })
  net.output('image', outHead(net, 'decoder', hidden, inputs, outChannels, config), ['batch', outChannels, 'ih', 'iw'])
  return net.finish((name) => /^(decoder|post_quant_conv)\./.test(name))
}

/**
 * The encoder of an AutoencoderKL. Input: `image` float32 [batch, in_channels, h, w] in −1 … 1. Outputs, float32
 * [batch, latent_channels, h / scale, w / scale]: `mean` and `logvar` (clamped to −30 … 20), not scaled.
 * @throws FusionError 'unsupported', 'malformed' or 'incompatible'
 */
export function buildVaeEncoder(
  json: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, TensorView>,
  options: NetworkOptions,
): BuiltNetwork {
  const config = readVaeConfig(json)
  const { channels, inChannels, latentChannels } = config
  const net = new NetworkGraph('AutoencoderKL', tensors, options)
  let hidden = conv(
    net,
    'encoder.conv_in',
    net.input('image', ['batch', inChannels, 'ih', 'iw']),
    inChannels,
    channels[0]!,
  )
  let inputs = channels[0]!
  channels.forEach((width, index) => {
    const module = `encoder.down_blocks.${index}`
    for (let layer = 0; layer < config.layers; layer++) {
      hidden = resnetOf(net, `${module}.resnets.${layer}`, hidden, inputs, width, config)
      inputs = width
    }
    // Padded at the right and below only.
    if (index < channels.length - 1)
      hidden = conv(net, `${module}.downsamplers.0.conv`, hidden, width, width, { stride: 2, pads: [0, 0, 1, 1] })
  })
  hidden = midBlock(net, 'encoder.mid_block', hidden, inputs, config)
  const doubled = 2 * latentChannels
  let moments = outHead(net, 'encoder', hidden, inputs, doubled, config)
  if (config.useQuantConv) moments = conv(net, 'quant_conv', moments, doubled, doubled, { kernel: 1 })
  const [mean, logvar] = net.graph.nodes('Split', [net.toFloat32(moments)], 2, { axis: 1, num_outputs: 2 })
  const limits = LOG_VARIANCE_LIMITS.map((limit) => net.graph.floats(limit))
  const dims = ['batch', latentChannels, 'h', 'w']
  net.graph.output('mean', mean!, 'F32', dims)
  net.graph.output('logvar', net.node('Clip', [logvar!, ...limits]), 'F32', dims)
  return net.finish((name) => /^(encoder|quant_conv)\./.test(name))
}

function resnetOf(
  net: NetworkGraph,
  module: string,
  x: Value,
  inputs: number,
  outputs: number,
  { groups }: VaeConfig,
): Value {
  return resnet(net, module, x, { inputs, outputs, groups, epsilon: EPSILON })
}

function midBlock(net: NetworkGraph, module: string, x: Value, channels: number, config: VaeConfig): Value {
  const first = resnetOf(net, `${module}.resnets.0`, x, channels, channels, config)
  const attended = config.midAttention ? selfAttention(net, `${module}.attentions.0`, first, channels, config) : first
  return resnetOf(net, `${module}.resnets.1`, attended, channels, channels, config)
}

/** diffusers' Attention over all pixels with one head and a residual. */
function selfAttention(net: NetworkGraph, module: string, x: Value, channels: number, { groups }: VaeConfig): Value {
  const normed = toRows(net, groupNorm(net, `${module}.group_norm`, x, channels, groups, EPSILON), channels)
  const [query, key, value] = ['to_q', 'to_k', 'to_v'].map((part) =>
    linear(net, `${module}.${part}`, normed, channels, channels),
  )
  const attended = attention(net, query!, key!, value!, { batch: x, heads: 1, headSize: channels })
  const rows = linear(net, `${module}.to_out.0`, attended, channels, channels)
  return net.node('Add', [fromRows(net, rows, x, channels), x])
}

function outHead(
  net: NetworkGraph,
  module: string,
  x: Value,
  inputs: number,
  outputs: number,
  { groups }: VaeConfig,
): Value {
  const normed = groupNorm(net, `${module}.conv_norm_out`, x, inputs, groups, EPSILON)
  return conv(net, `${module}.conv_out`, activation(net, 'silu', normed), inputs, outputs)
}
