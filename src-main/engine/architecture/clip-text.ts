import type { TensorView } from '../checkpoint/model/checkpoint'
import type { Value } from '../graph/onnx-builder'
import { clipEncoder, readClipSize } from './clip-layers'
import { ConfigReader } from './config-reader'
import { layerNorm, linear } from './layers'
import { NetworkGraph, type BuiltNetwork, type NetworkOptions } from './network-graph'

/** Added to the scores of later tokens: gone after the softmax, and finite in float16 too. */
const MASKED = -30_000

/** The pooled token of models made before transformers told the end token from the highest id. */
const LEGACY_EOS = 2

/**
 * transformers' CLIPTextModel, or CLIPTextModelWithProjection where the weights have `text_projection.weight`.
 *
 * Input: `input_ids` int64 [batch, tokens]. Outputs, float32: `last_hidden_state` (after the final norm),
 * `hidden_states_-k` (k = 1 the last layer's output, before the final norm, up to layers + 1, the embeddings),
 * `normed_-k` (the final norm of hidden_states_-k, for clip skip; k ≥ 2), `pooler_output` [batch, width], and with a
 * projection `text_embeds` [batch, projection_dim].
 * @param added rows [n, hidden_size] of the ids that follow the vocabulary (textual inversion)
 * @throws FusionError 'unsupported', 'malformed' or 'incompatible'
 */
export function buildClipText(
  json: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, TensorView>,
  options: NetworkOptions,
  added: Float32Array = new Float32Array(0),
): BuiltNetwork {
  const config = new ConfigReader(json, 'CLIPTextModel')
  const size = readClipSize(config, { hidden_size: 512, intermediate_size: 2048, num_attention_heads: 8 })
  const vocabulary = config.integer('vocab_size', 49408)
  const positions = config.integer('max_position_embeddings', 77)
  const end = config.integer('eos_token_id', 49407, 0)
  const { width, layers, epsilon } = size

  const net = new NetworkGraph('CLIPTextModel', tensors, options)
  const prefix = net.has('text_model.embeddings.token_embedding.weight') ? 'text_model.' : ''
  const ids = net.graph.input('input_ids', 'I64', ['batch', 'tokens'])
  const words = net.weight(`${prefix}embeddings.token_embedding.weight`, [vocabulary, width])
  const tokens =
    added.length > 0 ? tokenRows(net, words, [vocabulary, width], added, ids) : net.node('Gather', [words, ids])
  const table = net.weight(`${prefix}embeddings.position_embedding.weight`, [positions, width])
  const placed = net.node('Slice', [table, net.graph.ints([0]), net.size(ids, 1), net.graph.ints([0])])
  const embedded = net.reshape(net.node('Add', [tokens, placed]), [-1, width])
  const states = clipEncoder(net, `${prefix}encoder`, embedded, ids, size, causalMask(net, ids))

  const norm = (state: Value): Value => layerNorm(net, `${prefix}final_layer_norm`, state, width, epsilon)
  const dims = ['batch', 'tokens', width]
  const shaped = (state: Value): Value => net.reshape(state, [[ids, 0], -1, width])
  const last = shaped(norm(states.at(-1)!))
  net.output('last_hidden_state', last, dims)
  for (let back = 1; back <= layers + 1; back++) {
    const state = states.at(-back)!
    net.output(`hidden_states_-${back}`, shaped(state), dims)
    if (back > 1) net.output(`normed_-${back}`, shaped(norm(state)), dims)
  }
  const pooled = net.node('GatherND', [last, endPositions(net, ids, end)], { batch_dims: 1 })
  net.output('pooler_output', pooled, ['batch', width])
  if (net.has('text_projection.weight')) {
    const projected = config.integer('projection_dim', 512)
    net.output('text_embeds', linear(net, 'text_projection', pooled, width, projected, false), ['batch', projected])
  }
  return net.finish(
    (name) =>
      name.startsWith(prefix) &&
      !name.endsWith('position_ids') &&
      !/^(vision_model|visual_projection|logit_scale|text_projection)/.test(name),
  )
}

/** Rows of the vocabulary's table, or of the added one for the ids behind it. */
function tokenRows(
  net: NetworkGraph,
  words: Value,
  [vocabulary, width]: readonly [number, number],
  added: Float32Array,
  ids: Value,
): Value {
  const { graph } = net
  const table = net.reshape(net.constant([...added]), [-1, width])
  const isAdded = net.node('GreaterOrEqual', [ids, graph.ints(vocabulary)])
  const known = net.node('Where', [isAdded, graph.ints(0), ids])
  const own = net.node('Where', [isAdded, net.node('Sub', [ids, graph.ints(vocabulary)]), graph.ints(0)])
  const rows = [net.node('Gather', [table, own]), net.node('Gather', [words, known])]
  return net.node('Where', [net.node('Unsqueeze', [isAdded, graph.ints([2])]), ...rows])
}

/** Scores of later tokens are put out of reach: [tokens, tokens], 0 up to the diagonal. */
function causalMask(net: NetworkGraph, ids: Value): Value {
  const tokens = net.size(ids, 1)
  const square = net.node('Concat', [tokens, tokens], { axis: 0 })
  const full = net.node('Expand', [net.graph.floats(MASKED), square])
  return net.node('Trilu', [full, net.graph.ints(1)], { upper: 1 })
}

/** Where each prompt ends: the first eos_token_id, or the highest id in the files of old; int64 [batch, 1]. */
function endPositions(net: NetworkGraph, ids: Value, end: number): Value {
  const marks = end === LEGACY_EOS ? ids : net.node('Equal', [ids, net.graph.ints(end)])
  return net.node('ArgMax', [net.cast(marks, 'I32')], { axis: 1, keepdims: 1 })
}
