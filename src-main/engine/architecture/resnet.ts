import type { Value } from '../graph/onnx-builder'
import { activation, conv, groupNorm, linear } from './layers'
import type { NetworkGraph } from './network-graph'

export interface ResnetSize {
  inputs: number
  outputs: number
  groups: number
  epsilon: number
  /** silu(time embedding) [batch, width], where the block takes it. */
  time?: { embedding: Value; width: number }
  /** The sum is divided by it (diffusers' output_scale_factor). */
  outputScale?: number
}

/** diffusers' ResnetBlock2D with silu and resnet_time_scale_shift 'default': [batch, inputs, h, w] → [batch, outputs, h, w]. */
export function resnet(net: NetworkGraph, module: string, x: Value, size: ResnetSize): Value {
  const { inputs, outputs, groups, epsilon, time, outputScale = 1 } = size
  let hidden = activation(net, 'silu', groupNorm(net, `${module}.norm1`, x, inputs, groups, epsilon))
  hidden = conv(net, `${module}.conv1`, hidden, inputs, outputs)
  if (time) {
    const shift = linear(net, `${module}.time_emb_proj`, time.embedding, time.width, outputs)
    hidden = net.node('Add', [hidden, net.reshape(shift, [-1, outputs, 1, 1])])
  }
  hidden = activation(net, 'silu', groupNorm(net, `${module}.norm2`, hidden, outputs, groups, epsilon))
  hidden = conv(net, `${module}.conv2`, hidden, outputs, outputs)
  const skip = inputs === outputs ? x : conv(net, `${module}.conv_shortcut`, x, inputs, outputs, { kernel: 1 })
  const sum = net.node('Add', [skip, hidden])
  const result = outputScale === 1 ? sum : net.node('Div', [sum, net.constant(outputScale)])
  net.tap(module, 4, () => result)
  return result
}

/** Nearest-neighbour enlargement to the height and width of `like`, or to twice its own. */
export function upsample(net: NetworkGraph, x: Value, like?: Value): Value {
  const attributes = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }
  if (!like) return net.node('Resize', [x, null, net.graph.floats([1, 1, 2, 2])], attributes)
  const sizes = net.node('Concat', [net.size(x, 0, 2), net.size(like, 2, 4)], { axis: 0 })
  return net.node('Resize', [x, null, null, sizes], attributes)
}
