import type { Value } from '../graph/onnx-builder'
import { ACTIVATIONS, activation, attention, layerNorm, linear, type Activation } from './layers'
import { MOST_LAYERS, type ConfigReader } from './config-reader'
import type { NetworkGraph } from './network-graph'

/** Sizes that CLIP's text and vision transformers share. */
export interface ClipSize {
  width: number
  inner: number
  layers: number
  heads: number
  act: Activation
  epsilon: number
}

/** The shared part of a CLIPTextConfig or CLIPVisionConfig, with that class's default sizes. */
export function readClipSize(
  config: ConfigReader,
  defaults: { hidden_size: number; intermediate_size: number; num_attention_heads: number },
): ClipSize {
  const size: ClipSize = {
    width: config.integer('hidden_size', defaults.hidden_size),
    inner: config.integer('intermediate_size', defaults.intermediate_size),
    layers: config.integer('num_hidden_layers', 12, 1, MOST_LAYERS),
    heads: config.integer('num_attention_heads', defaults.num_attention_heads),
    act: config.choice('hidden_act', 'quick_gelu', ACTIVATIONS),
    epsilon: config.number('layer_norm_eps', 1e-5),
  }
  if (size.width % size.heads !== 0)
    throw config.contradiction(`hidden_size ${size.width} is not divisible by ${size.heads} num_attention_heads`)
  return size
}

/**
 * transformers' CLIPEncoder on rows [batch·tokens, width].
 * @returns the input, then the output of every layer
 */
export function clipEncoder(
  net: NetworkGraph,
  module: string,
  input: Value,
  batch: Value,
  size: ClipSize,
  mask?: Value,
): Value[] {
  const { width, inner, layers, heads, act, epsilon } = size
  const states = [input]
  for (let layer = 0; layer < layers; layer++) {
    const name = `${module}.layers.${layer}`
    const residual = states.at(-1)!
    const normed = layerNorm(net, `${name}.layer_norm1`, residual, width, epsilon)
    const [query, key, value] = ['q', 'k', 'v'].map((part) =>
      linear(net, `${name}.self_attn.${part}_proj`, normed, width, width),
    )
    const attended = attention(net, query!, key!, value!, { batch, heads, headSize: width / heads }, mask)
    const sum = net.node('Add', [linear(net, `${name}.self_attn.out_proj`, attended, width, width), residual])
    const fed = linear(net, `${name}.mlp.fc1`, layerNorm(net, `${name}.layer_norm2`, sum, width, epsilon), width, inner)
    states.push(net.node('Add', [linear(net, `${name}.mlp.fc2`, activation(net, act, fed), inner, width), sum]))
  }
  return states
}
