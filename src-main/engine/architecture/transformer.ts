import type { Value } from '../graph/onnx-builder'
import { activation, attention, fromRows, groupNorm, layerNorm, linear, toRows, type AttentionSize } from './layers'
import type { NetworkGraph } from './network-graph'

const GROUP_NORM_EPSILON = 1e-6
const LAYER_NORM_EPSILON = 1e-5

export interface TransformerSize {
  channels: number
  groups: number
  heads: number
  /** Number of transformer blocks. */
  depth: number
  /** Compute scores in float32 (upcast_attention). */
  upcast: boolean
  /** Text states as rows [batch·tokens, width]. */
  context: { rows: Value; width: number }
}

/**
 * diffusers' Transformer2DModel: [batch, channels, h, w] → the same. Projections by 1×1 convolution and by linear layers
 * (use_linear_projection) are the same product.
 */
export function transformer2d(net: NetworkGraph, module: string, x: Value, size: TransformerSize): Value {
  const { channels, groups, depth, heads } = size
  const headSize = Math.floor(channels / heads)
  const inner = heads * headSize
  const normed = groupNorm(net, `${module}.norm`, x, channels, groups, GROUP_NORM_EPSILON)
  net.tap(`${module}.norm`, 4, () => normed)
  let rows = linear(net, `${module}.proj_in`, toRows(net, normed, channels), channels, inner)
  for (let block = 0; block < depth; block++)
    rows = transformerBlock(net, `${module}.transformer_blocks.${block}`, rows, inner, { ...size, headSize, batch: x })
  rows = linear(net, `${module}.proj_out`, rows, inner, channels)
  const result = net.node('Add', [fromRows(net, rows, x, channels), x])
  net.tap(module, 4, () => result)
  return result
}

/** diffusers' BasicTransformerBlock on rows [batch·n, width]: self-attention, attention to the text, GEGLU. */
function transformerBlock(
  net: NetworkGraph,
  module: string,
  input: Value,
  width: number,
  size: TransformerSize & AttentionSize,
): Value {
  const tap = (name: string, rows: Value): void =>
    net.tap(name, 3, () => net.reshape(rows, [[size.batch, 0], -1, width]))
  const attend = (name: string, rows: Value, context: { rows: Value; width: number }): Value => {
    const query = linear(net, `${name}.to_q`, rows, width, width, false)
    const key = linear(net, `${name}.to_k`, context.rows, context.width, width, false)
    const value = linear(net, `${name}.to_v`, context.rows, context.width, width, false)
    const result = linear(net, `${name}.to_out.0`, attention(net, query, key, value, size), width, width)
    tap(name, result)
    return result
  }
  const norm = (name: string, rows: Value): Value =>
    layerNorm(net, `${module}.${name}`, rows, width, LAYER_NORM_EPSILON)

  const first = norm('norm1', input)
  let rows = net.node('Add', [attend(`${module}.attn1`, first, { rows: first, width }), input])
  rows = net.node('Add', [attend(`${module}.attn2`, norm('norm2', rows), size.context), rows])
  const fed = feedForward(net, `${module}.ff`, norm('norm3', rows), width)
  tap(`${module}.ff`, fed)
  rows = net.node('Add', [fed, rows])
  tap(module, rows)
  return rows
}

/**
 * diffusers' FeedForward with GEGLU: hidden · gelu(gate), four times as wide inside. Its first layer makes both; here
 * each half of its rows is a product of its own, so that nothing has to be cut apart.
 */
function feedForward(net: NetworkGraph, module: string, rows: Value, width: number): Value {
  const inner = 4 * width
  net.layerInput(`${module}.net.0.proj`, rows)
  const project = (index: 0 | 1): Value => {
    const weight = net.half(`${module}.net.0.proj.weight`, [2 * inner, width], index)
    const bias = net.half(`${module}.net.0.proj.bias`, [2 * inner], index)
    return net.node('Gemm', [rows, weight, bias], { transB: 1 })
  }
  const gated = net.node('Mul', [project(0), activation(net, 'gelu', project(1))])
  return linear(net, `${module}.net.2`, gated, inner, width)
}
