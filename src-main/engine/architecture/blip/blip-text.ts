import { countOf } from '../../checkpoint/key-maps/name-table'
import type { TensorView } from '../../checkpoint/model/checkpoint'
import type { Value } from '../../graph/onnx-builder'
import { ConfigReader, MOST_LAYERS } from '../config-reader'
import { activation, attention, layerNorm, linear } from '../layers'
import { NetworkGraph, type BuiltNetwork, type NetworkOptions } from '../network-graph'
import { HEAD_WIDTH } from './blip-vision'
import { requiredShape, type NamedTensors } from '../../checkpoint/required-shape'

const PREFIX = 'blip.text_encoder.'
const LAYER = `${PREFIX}encoder.layer.`
/** Added to the scores of padding, as BERT has it. */
const MASKED = -10_000

/** Sizes of BERT with attention to what a vision model sees. */
export interface BlipTextSize {
  vocabulary: number
  positions: number
  width: number
  inner: number
  layers: number
  heads: number
  /** Width of what the vision model gives. */
  seen: number
  epsilon: number
}

/**
 * The sizes that the shapes of the weights tell, and what med_config.json says.
 * @param seen width of what the vision model gives
 * @param config its contents; empty where there is none
 * @throws FusionError 'malformed', naming tensor and file, or the setting; 'unsupported' for other settings
 */
export function readBlipTextSize(
  file: NamedTensors,
  seen: number,
  config: Readonly<Record<string, unknown>>,
): BlipTextSize {
  const [words, width] = requiredShape(file, `${PREFIX}embeddings.word_embeddings.weight`, [null, null])
  const [places] = requiredShape(file, `${PREFIX}embeddings.position_embeddings.weight`, [null, width])
  const [between] = requiredShape(file, `${LAYER}0.intermediate.dense.weight`, [null, width])
  requiredShape(file, `${LAYER}0.crossattention.self.key.weight`, [width, seen])
  const counted = countOf([...file.tensors.keys()], /^blip\.text_encoder\.encoder\.layer\.(\d+)\./)
  const reader = new ConfigReader(config, 'text model of ImageReward (med_config.json)')
  reader.choice('hidden_act', 'gelu', ['gelu'])
  const size: BlipTextSize = {
    vocabulary: reader.integer('vocab_size', words),
    positions: reader.integer('max_position_embeddings', places),
    width: reader.integer('hidden_size', width),
    inner: reader.integer('intermediate_size', between),
    layers: reader.integer('num_hidden_layers', counted, 1, MOST_LAYERS),
    heads: reader.integer('num_attention_heads', Math.max(1, Math.floor(width / HEAD_WIDTH))),
    seen,
    epsilon: reader.number('layer_norm_eps', 1e-12),
  }
  if (size.width % size.heads !== 0)
    throw reader.contradiction(`hidden_size ${size.width} is not divisible by ${size.heads} num_attention_heads`)
  return size
}

/**
 * BLIP's text encoder (BERT with attention to the picture), as ImageReward has it: no token types, nothing causal.
 *
 * Inputs: `input_ids` and `attention_mask` int64 [batch, tokens] (1 for tokens, 0 for padding), `encoder_hidden_states`
 * float32 [batch, patches, seen]. Outputs, float32: `last_hidden_state` [batch, tokens, width] and `feature`
 * [batch, width], what it says of the first token. Taps: `embeddings`, `layer.N.attention`, `layer.N.crossattention`,
 * `layer.N`.
 * @param tensors by their names in ImageReward's file
 * @throws FusionError 'unsupported', 'malformed' or 'incompatible'
 */
export function buildBlipText(
  size: BlipTextSize,
  tensors: ReadonlyMap<string, TensorView>,
  options: NetworkOptions,
): BuiltNetwork {
  const { vocabulary, positions, width, inner, layers, heads, seen, epsilon } = size
  const net = new NetworkGraph('text model of ImageReward', tensors, options)
  const ids = net.graph.input('input_ids', 'I64', ['batch', 'tokens'])
  const mask = paddingMask(net, net.graph.input('attention_mask', 'I64', ['batch', 'tokens']))
  const states = net.input('encoder_hidden_states', ['batch', 'patches', seen])
  const picture = net.reshape(states, [-1, seen])
  const shaped = (rows: Value): Value => net.reshape(rows, [[ids, 0], -1, width])
  const tap = (name: string, rows: Value): void => net.tap(name, 3, () => shaped(rows))

  const words = net.node('Gather', [net.weight(`${PREFIX}embeddings.word_embeddings.weight`, [vocabulary, width]), ids])
  const table = net.weight(`${PREFIX}embeddings.position_embeddings.weight`, [positions, width])
  const placed = net.node('Slice', [table, net.graph.ints([0]), net.size(ids, 1), net.graph.ints([0])])
  const embedded = net.reshape(net.node('Add', [words, placed]), [-1, width])
  let rows = layerNorm(net, `${PREFIX}embeddings.LayerNorm`, embedded, width, epsilon)
  tap('embeddings', rows)

  /** A layer's result with what went in, normed. */
  const joined = (module: string, result: Value, inputs: number, residual: Value): Value => {
    const projected = linear(net, `${module}.output.dense`, result, inputs, width)
    return layerNorm(net, `${module}.output.LayerNorm`, net.node('Add', [projected, residual]), width, epsilon)
  }
  const attend = (module: string, from: Value, context: Value, contextWidth: number, masked?: Value): Value => {
    const query = linear(net, `${module}.self.query`, from, width, width)
    const key = linear(net, `${module}.self.key`, context, contextWidth, width)
    const value = linear(net, `${module}.self.value`, context, contextWidth, width)
    const attended = attention(net, query, key, value, { batch: ids, heads, headSize: width / heads }, masked)
    return joined(module, attended, width, from)
  }
  for (let layer = 0; layer < layers; layer++) {
    const name = `${LAYER}${layer}`
    rows = attend(`${name}.attention`, rows, rows, width, mask)
    tap(`layer.${layer}.attention`, rows)
    rows = attend(`${name}.crossattention`, rows, picture, seen)
    tap(`layer.${layer}.crossattention`, rows)
    const fed = activation(net, 'gelu', linear(net, `${name}.intermediate.dense`, rows, width, inner))
    rows = joined(name, fed, inner, rows)
    tap(`layer.${layer}`, rows)
  }
  const last = shaped(rows)
  net.output('last_hidden_state', last, ['batch', 'tokens', width])
  net.output('feature', net.node('Gather', [last, net.graph.ints(0)], { axis: 1 }), ['batch', width])
  return net.finish((name) => name.startsWith(PREFIX) && !name.endsWith('position_ids'))
}

/** [batch, tokens] of 1 and 0 as what is added to scores: [batch, 1, 1, tokens]. */
function paddingMask(net: NetworkGraph, mask: Value): Value {
  const isPadding = net.node('Sub', [net.graph.floats(1), net.cast(mask, 'F32')])
  return net.node('Unsqueeze', [net.node('Mul', [isPadding, net.graph.floats(MASKED)]), net.graph.ints([1, 2])])
}
