import { attention } from '../architecture/layers'
import { NetworkGraph, type NetworkOptions } from '../architecture/network-graph'
import { GraphBuilder, type Value } from '../graph/onnx-builder'

/** A model that computes one thing in two ways: input `x`, outputs `y` and `expected`. */
interface ProbeModel {
  model: string
  dims: number[]
}

const TOKENS = 64
const HEADS = 2
const HEAD_SIZE = 40

/**
 * Tiny models that show what an execution provider can do: `basic` must run; `float16` and `attention` (the fused
 * operator) may be missing, or wrong: MultiHeadAttention gives other numbers on WebGPU over SwiftShader.
 */
export function probeModels(): Record<'basic' | 'float16' | 'attention', ProbeModel> {
  const product = (net: NetworkGraph, x: Value): Value => net.node('MatMul', [x, net.transpose(x, [1, 0])])
  const attend = (net: NetworkGraph, x: Value): Value =>
    attention(net, x, x, x, { batch: net.reshape(x, [1, -1]), heads: HEADS, headSize: HEAD_SIZE })
  const plain: NetworkOptions = { computeType: 'F32', weights: 'inputs', attention: 1 }
  return {
    basic: twoWays([8, 8], product, plain, plain),
    float16: twoWays([8, 8], product, { ...plain, computeType: 'F16' }, plain),
    attention: twoWays([TOKENS, HEADS * HEAD_SIZE], attend, { ...plain, attention: 'fused' }, plain),
  }
}

function twoWays(
  dims: number[],
  compute: (net: NetworkGraph, x: Value) => Value,
  tried: NetworkOptions,
  reference: NetworkOptions,
): ProbeModel {
  const graph = new GraphBuilder('probe')
  const x = graph.input('x', 'F32', dims)
  const results = { y: tried, expected: reference }
  for (const [name, options] of Object.entries(results)) {
    const net = new NetworkGraph('probe', new Map(), options, graph)
    net.output(name, compute(net, net.toCompute(x)), [`${name}/0`, `${name}/1`])
  }
  return { model: Buffer.from(graph.toBytes()).toString('base64'), dims }
}
