import type { Value } from '../graph/onnx-builder'
import type { NetworkGraph, Window } from './network-graph'

/** Linear layer on rows: [n, inputs] → [n, outputs]. The weight is stored [outputs, inputs]. */
export function linear(
  net: NetworkGraph,
  module: string,
  x: Value,
  inputs: number,
  outputs: number,
  bias = true,
): Value {
  net.layerInput(module, x)
  const { value, transposed } = net.matrix(`${module}.weight`, [outputs, inputs])
  const operands = [x, value, ...(bias ? [net.weight(`${module}.bias`, [outputs])] : [])]
  return net.node('Gemm', operands, { transB: transposed ? 0 : 1 })
}

/** Convolution [batch, inputs, h, w] → [batch, outputs, h', w']; `pads` as ONNX has them: top, left, bottom, right. */
export function conv(
  net: NetworkGraph,
  module: string,
  x: Value,
  inputs: number,
  outputs: number,
  {
    kernel = 3,
    stride = 1,
    pads,
    bias = true,
  }: { kernel?: number; stride?: number; pads?: readonly number[]; bias?: boolean } = {},
): Value {
  const padding = (kernel - 1) >> 1
  const around = pads ?? [padding, padding, padding, padding]
  const window = { kernel, stride, pads: around }
  net.layerInput(module, x, window)
  const block = blockFor(net, inputs, outputs)
  const weights = [net.weight(`${module}.weight`, [outputs, inputs, kernel, kernel], undefined, block)]
  if (bias) weights.push(net.weight(`${module}.bias`, [outputs]))
  return block === undefined
    ? net.node('Conv', [x, ...weights], windowAttributes(window))
    : blockedConv(net, x, weights, outputs, window)
}

/** A convolution inside whose operators channels lie in blocks; `filters` do (runtime/blocked-convolution.ts). */
export function blockedConv(
  net: NetworkGraph,
  x: Value,
  [filters, bias]: readonly Value[],
  outputs: number,
  window: Window,
): Value {
  const blocks = net.node('nchwc/ReorderInput', [x])
  const inputs = [blocks, filters!, ...(bias === undefined ? [] : [bias])]
  const convolved = net.node('nchwc/Conv', inputs, { ...windowAttributes(window), group: 1 })
  return net.node('nchwc/ReorderOutput', [convolved], { channels: outputs })
}

/** Constant filters are put into blocks by the runtime; a channel count that no block divides stays plain. */
function blockFor({ options }: NetworkGraph, inputs: number, outputs: number): number | undefined {
  const { weights, convolutionBlock: block } = options
  return weights === 'inputs' && block !== undefined && inputs % block === 0 && outputs % block === 0
    ? block
    : undefined
}

function windowAttributes({ kernel, stride, pads }: Window): Record<string, readonly number[]> {
  return { kernel_shape: [kernel, kernel], strides: [stride, stride], pads }
}

/** Group norm of [batch, channels, h, w], computed in float32. */
export function groupNorm(
  net: NetworkGraph,
  module: string,
  x: Value,
  channels: number,
  groups: number,
  epsilon: number,
): Value {
  const ones = net.graph.floats(Array<number>(groups).fill(1))
  const zeros = net.graph.floats(Array<number>(groups).fill(0))
  const wide = net.toFloat32(x)
  const grouped = net.reshape(wide, [0, groups, -1])
  const normed = net.node('InstanceNormalization', [grouped, ones, zeros], { epsilon: { float: epsilon } })
  const scale = net.reshape(net.weight(`${module}.weight`, [channels], 'F32'), [channels, 1, 1])
  const shift = net.reshape(net.weight(`${module}.bias`, [channels], 'F32'), [channels, 1, 1])
  const restored = net.node('Reshape', [normed, net.size(x, 0, 4)])
  return net.toCompute(net.node('Add', [net.node('Mul', [restored, scale]), shift]))
}

/** Layer norm over the last axis, computed in float32. */
export function layerNorm(net: NetworkGraph, module: string, x: Value, width: number, epsilon: number): Value {
  const scale = net.weight(`${module}.weight`, [width], 'F32')
  const shift = net.weight(`${module}.bias`, [width], 'F32')
  const normed = net.node('LayerNormalization', [net.toFloat32(x), scale, shift], {
    axis: -1,
    epsilon: { float: epsilon },
  })
  return net.toCompute(normed)
}

export const ACTIVATIONS = ['silu', 'swish', 'gelu', 'quick_gelu'] as const
export type Activation = (typeof ACTIVATIONS)[number]

/** silu (also called swish), gelu by the error function, or quick_gelu = x·sigmoid(1.702 x). */
export function activation(net: NetworkGraph, kind: Activation, x: Value): Value {
  if (kind === 'gelu') return net.node('Gelu', [x], { approximate: 'none' })
  return net.node('QuickGelu', [x], { alpha: { float: kind === 'quick_gelu' ? 1.702 : 1 } })
}

export interface AttentionSize {
  /** A value whose first dimension is the batch. */
  batch: Value
  heads: number
  headSize: number
  /** Compute scores in float32 whatever the compute type. */
  upcast?: boolean
}

/**
 * Scaled dot-product attention of many heads: rows of queries [batch·n, heads·headSize], keys and values
 * [batch·m, heads·headSize] → [batch·n, heads·headSize].
 * @param mask added to the scores, [n, m] or [batch, 1, 1, m]
 */
export function attention(
  net: NetworkGraph,
  query: Value,
  key: Value,
  value: Value,
  { batch, heads, headSize, upcast = false }: AttentionSize,
  mask?: Value,
): Value {
  const width = heads * headSize
  const { attention: kind, computeType } = net.options
  if (kind === 'fused' && !mask && !(upcast && computeType === 'F16')) {
    const [q, k, v] = [query, key, value].map((rows) => net.reshape(rows, [[batch, 0], -1, width]))
    const fused = net.node('MultiHeadAttention', [q!, k!, v!], { num_heads: heads })
    return net.reshape(fused, [-1, width])
  }
  const perHead = (rows: Value, perm: readonly number[]): Value =>
    net.transpose(net.reshape(rows, [[batch, 0], -1, heads, headSize]), perm)
  const scaled = net.node('Mul', [perHead(query, [0, 2, 1, 3]), net.constant(headSize ** -0.5)])
  const keys = perHead(key, [0, 2, 3, 1])
  const values = perHead(value, [0, 2, 1, 3])
  const attend = (queries: Value): Value => {
    const scores =
      upcast && computeType === 'F16'
        ? net.node('MatMul', [net.toFloat32(queries), net.toFloat32(keys)])
        : net.toFloat32(net.node('MatMul', [queries, keys]))
    const masked = mask ? net.node('Add', [scores, mask]) : scores
    return net.node('MatMul', [net.toCompute(net.node('Softmax', [masked], { axis: -1 })), values])
  }
  const slices = kind === 'fused' || mask ? 1 : kind
  const attended =
    slices === 1 ? attend(scaled) : net.node('Concat', split(net, scaled, slices).map(attend), { axis: 2 })
  return net.reshape(net.transpose(attended, [0, 2, 1, 3]), [-1, width])
}

/** [batch, channels, h, w] as rows [batch·h·w, channels]. */
export function toRows(net: NetworkGraph, x: Value, channels: number): Value {
  return net.reshape(net.transpose(x, [0, 2, 3, 1]), [-1, channels])
}

/** Rows [batch·h·w, channels] as [batch, channels, h, w], with batch, h and w as `like` has them. */
export function fromRows(net: NetworkGraph, rows: Value, like: Value, channels: number): Value {
  const image = net.reshape(rows, [[like, 0], [like, 2], [like, 3], channels])
  return net.transpose(image, [0, 3, 1, 2])
}

/** Cuts [batch, heads, n, headSize] into slices of ⌈n / slices⌉ rows; the last ones may be shorter or empty. */
function split(net: NetworkGraph, queries: Value, slices: number): Value[] {
  const { graph } = net
  const rounded = net.node('Add', [net.size(queries, 2), graph.ints([slices - 1])])
  const length = net.node('Div', [rounded, graph.ints([slices])])
  return Array.from({ length: slices }, (_, index) => {
    const [start, end] = [index, index + 1].map((count) => net.node('Mul', [length, graph.ints([count])]))
    return net.node('Slice', [queries, start!, end!, graph.ints([2])])
  })
}
