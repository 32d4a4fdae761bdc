import type { TensorView } from '../checkpoint/model/checkpoint'
import type { Value } from '../graph/onnx-builder'
import { activation, conv, groupNorm, linear } from './layers'
import { NetworkGraph, type BuiltNetwork, type NetworkOptions } from './network-graph'
import { resnet, upsample } from './resnet'
import { transformer2d } from './transformer'
import { readUnetConfig, type UnetConfig, type UnetLevel } from './unet-config'

const MAX_PERIOD = 10_000

/** What every block of one UNet shares. */
interface Shared {
  config: UnetConfig
  /** silu(time embedding) [batch, timeWidth] */
  time: { embedding: Value; width: number }
  context: { rows: Value; width: number }
}

/**
 * diffusers' UNet2DConditionModel (Stable Diffusion 1.x, 2.x, SDXL) from its config.json and weights.
 *
 * Inputs, float32: `sample` [batch, in_channels, h, w]; `timestep` [batch], fractions allowed; `encoder_hidden_states`
 * [batch, tokens, cross_attention_dim]; with addition_embed_type text_time also `text_embeds` [batch, width] and
 * `time_ids` [batch, ids]. Output: `output` [batch, out_channels, h, w]. Any h and w.
 * @throws FusionError 'unsupported', 'malformed' or 'incompatible', naming the config key, or the file and tensor
 */
export function buildUnet(
  json: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, TensorView>,
  options: NetworkOptions,
): BuiltNetwork {
  const config = readUnetConfig(json)
  const net = new NetworkGraph('UNet2DConditionModel', tensors, options)
  const dims = (channels: number): (number | string)[] => ['batch', channels, 'h', 'w']
  let sample = net.input('sample', dims(config.inChannels))
  const context = net.input('encoder_hidden_states', ['batch', 'tokens', config.crossAttentionDim])
  if (config.centerInputSample) sample = net.node('Sub', [net.node('Mul', [sample, net.constant(2)]), net.constant(1)])

  const shared: Shared = {
    config,
    time: { embedding: activation(net, 'silu', timeEmbedding(net, config)), width: config.timeWidth },
    context: { rows: net.reshape(context, [-1, config.crossAttentionDim]), width: config.crossAttentionDim },
  }
  const first = config.levels[0]!.channels
  let hidden = conv(net, 'conv_in', sample, config.inChannels, first, { kernel: config.convInKernel })
  net.tap('conv_in', 4, () => hidden)
  const skips: Skip[] = [{ value: hidden, channels: first }]
  hidden = downPath(net, shared, hidden, skips)
  hidden = midBlock(net, shared, hidden)
  hidden = upPath(net, shared, hidden, skips)
  hidden = groupNorm(net, 'conv_norm_out', hidden, first, config.groups, config.epsilon)
  net.tap('conv_norm_out', 4, () => hidden)
  hidden = activation(net, 'silu', hidden)
  const output = conv(net, 'conv_out', hidden, first, config.outChannels, { kernel: config.convOutKernel })
  net.output('output', output, dims(config.outChannels))
  return net.finish()
}

/** A value that the up path takes again. */
interface Skip {
  value: Value
  channels: number
}

function downPath(net: NetworkGraph, shared: Shared, input: Value, skips: Skip[]): Value {
  const { levels } = shared.config
  let hidden = input
  let inputs = levels[0]!.channels
  levels.forEach((level, index) => {
    const module = `down_blocks.${index}`
    for (let layer = 0; layer < level.layers; layer++) {
      hidden = layerOf(net, shared, module, layer, hidden, layer === 0 ? inputs : level.channels, level, level.depth)
      skips.push({ value: hidden, channels: level.channels })
    }
    if (index < levels.length - 1) {
      const { channels } = level
      hidden = conv(net, `${module}.downsamplers.0.conv`, hidden, channels, channels, { stride: 2 })
      skips.push({ value: hidden, channels })
    }
    inputs = level.channels
    const result = hidden
    net.tap(module, 4, () => result)
  })
  return hidden
}

function midBlock(net: NetworkGraph, shared: Shared, input: Value): Value {
  const { levels, mid } = shared.config
  const level = levels.at(-1)!
  const part = (index: number, x: Value): Value =>
    resnet(net, `mid_block.resnets.${index}`, x, {
      ...resnetSize(shared, level.channels, level.channels),
      outputScale: mid.outputScale,
    })
  const attended = transformer(net, shared, 'mid_block.attentions.0', part(0, input), level, mid.depth)
  const result = part(1, attended)
  net.tap('mid_block', 4, () => result)
  return result
}

function upPath(net: NetworkGraph, shared: Shared, input: Value, skips: Skip[]): Value {
  const levels = [...shared.config.levels].reverse()
  let hidden = input
  let inputs = levels[0]!.channels
  levels.forEach((level, index) => {
    const module = `up_blocks.${index}`
    for (let layer = 0; layer <= level.layers; layer++) {
      const skip = skips.pop()!
      const joined = net.node('Concat', [hidden, skip.value], { axis: 1 })
      hidden = layerOf(net, shared, module, layer, joined, inputs + skip.channels, level, level.upDepth)
      inputs = level.channels
    }
    if (index < levels.length - 1) {
      const enlarged = upsample(net, hidden, skips.at(-1)!.value)
      hidden = conv(net, `${module}.upsamplers.0.conv`, enlarged, level.channels, level.channels)
    }
    const result = hidden
    net.tap(module, 4, () => result)
  })
  return hidden
}

/** One resnet of a block, with its transformer where `depth` is not 0. */
function layerOf(
  net: NetworkGraph,
  shared: Shared,
  module: string,
  layer: number,
  x: Value,
  inputs: number,
  level: UnetLevel,
  depth: number,
): Value {
  const hidden = resnet(net, `${module}.resnets.${layer}`, x, resnetSize(shared, inputs, level.channels))
  return depth === 0 ? hidden : transformer(net, shared, `${module}.attentions.${layer}`, hidden, level, depth)
}

function resnetSize({ config, time }: Shared, inputs: number, outputs: number): Parameters<typeof resnet>[3] {
  return { inputs, outputs, groups: config.groups, epsilon: config.epsilon, time }
}

function transformer(
  net: NetworkGraph,
  { config, context }: Shared,
  module: string,
  x: Value,
  { channels, heads }: UnetLevel,
  depth: number,
): Value {
  const { groups, upcastAttention: upcast } = config
  return transformer2d(net, module, x, { channels, groups, heads, depth, upcast, context })
}

/** The sum of the timestep's embedding and, in SDXL, that of sizes and pooled text: [batch, timeWidth]. */
function timeEmbedding(net: NetworkGraph, config: UnetConfig): Value {
  const timestep = net.graph.input('timestep', 'F32', ['batch'])
  const waves = sinusoids(net, timestep, config.timeFrequencies, config)
  const embedding = twoLayers(net, 'time_embedding', waves, config.timeFrequencies, config.timeWidth)
  net.tap('time_embedding', 2, () => embedding)
  if (!config.addition) return embedding

  const { timeFrequencies, inputs } = config.addition
  const text = net.input('text_embeds', ['batch', 'text_width'])
  const ids = net.graph.input('time_ids', 'F32', ['batch', 'ids'])
  const idWaves = sinusoids(net, net.reshape(ids, [-1]), timeFrequencies, config)
  const joined = net.node('Concat', [text, net.reshape(idWaves, [[ids, 0], -1])], { axis: 1 })
  const addition = twoLayers(net, 'add_embedding', joined, inputs, config.timeWidth)
  net.tap('add_embedding', 2, () => addition)
  return net.node('Add', [embedding, addition])
}

/** diffusers' TimestepEmbedding: linear, silu, linear. */
function twoLayers(net: NetworkGraph, module: string, x: Value, inputs: number, width: number): Value {
  const hidden = activation(net, 'silu', linear(net, `${module}.linear_1`, x, inputs, width))
  return linear(net, `${module}.linear_2`, hidden, width, width)
}

/**
 * diffusers' get_timestep_embedding: float32 [n] → [n, count], cosines first with flip_sin_to_cos.
 */
function sinusoids(net: NetworkGraph, x: Value, count: number, config: UnetConfig): Value {
  const half = count >> 1
  const frequencies = Array.from({ length: half }, (_, i) => {
    const exponent = Math.fround(Math.fround(-Math.log(MAX_PERIOD) * i) / (half - config.frequencyShift))
    return Math.fround(Math.exp(Math.fround(exponent)))
  })
  const angles = net.node('Mul', [net.reshape(x, [-1, 1]), net.graph.floats(frequencies)])
  const waves = [net.node('Sin', [angles]), net.node('Cos', [angles])]
  if (config.flipSinToCos) waves.reverse()
  const joined = net.node('Concat', waves, { axis: 1 })
  return net.toCompute(count % 2 === 0 ? joined : net.node('Pad', [joined, net.graph.ints([0, 0, 0, 1])]))
}
