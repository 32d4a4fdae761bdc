import { FusionError } from '../../../contract/errors'
import { countOf } from '../../checkpoint/key-maps/name-table'
import type { TensorView } from '../../checkpoint/model/checkpoint'
import type { Value } from '../../graph/onnx-builder'
import { MOST_EDGE } from '../config-reader'
import { activation, attention, conv, layerNorm, linear } from '../layers'
import { NetworkGraph, type BuiltNetwork, type NetworkOptions } from '../network-graph'
import { requiredShape, type NamedTensors } from '../../checkpoint/required-shape'

const EPSILON = 1e-6
/** Heads of every size of BLIP's towers are so wide. */
export const HEAD_WIDTH = 64
const PREFIX = 'blip.visual_encoder.'

/** Sizes of BLIP's vision transformer. */
export interface BlipVisionSize {
  width: number
  inner: number
  layers: number
  heads: number
  /** Pixels along an edge of a patch, and of the picture. */
  patch: number
  image: number
}

/** The sizes that the shapes of the weights tell. @throws FusionError 'malformed', naming tensor and file */
export function readBlipVisionSize(file: NamedTensors): BlipVisionSize {
  const [, , width] = requiredShape(file, `${PREFIX}cls_token`, [1, 1, null])
  const [, , patch] = requiredShape(file, `${PREFIX}patch_embed.proj.weight`, [width, 3, null, null])
  const [, tokens] = requiredShape(file, `${PREFIX}pos_embed`, [1, null, width])
  const [inner] = requiredShape(file, `${PREFIX}blocks.0.mlp.fc1.weight`, [null, width])
  const image = Math.round(Math.sqrt(tokens - 1)) * patch
  if (width % HEAD_WIDTH !== 0 || (image / patch) ** 2 !== tokens - 1 || image < 1 || image > MOST_EDGE)
    throw new FusionError(
      'malformed',
      `${file.path}: the tensor ${PREFIX}pos_embed has the shape [1,${tokens},${width}]: no square of patches, or no heads of ${HEAD_WIDTH}.`,
      { hint: 'The file is damaged or of another model: get it again.' },
    )
  const layers = countOf([...file.tensors.keys()], /^blip\.visual_encoder\.blocks\.(\d+)\./)
  return { width, inner, layers, heads: width / HEAD_WIDTH, patch, image }
}

/**
 * BLIP's vision transformer, as ImageReward has it.
 *
 * Input: `pixel_values` float32 [batch, 3, image, image]. Output, float32: `last_hidden_state` [batch, patches + 1, width],
 * class token first, after the final norm. Taps: `embeddings`, `blocks.N.attn`, `blocks.N`.
 * @param tensors by their names in ImageReward's file
 * @throws FusionError 'unsupported', 'malformed' or 'incompatible'
 */
export function buildBlipVision(
  size: BlipVisionSize,
  tensors: ReadonlyMap<string, TensorView>,
  options: NetworkOptions,
): BuiltNetwork {
  const { width, inner, layers, heads, patch, image } = size
  const tokens = (image / patch) ** 2 + 1
  const net = new NetworkGraph('vision model of ImageReward', tensors, options)
  const pixels = net.input('pixel_values', ['batch', 3, image, image])
  const shaped = (rows: Value): Value => net.reshape(rows, [[pixels, 0], tokens, width])

  const window = { kernel: patch, stride: patch, pads: [0, 0, 0, 0] }
  const patches = conv(net, `${PREFIX}patch_embed.proj`, pixels, 3, width, window)
  const patchRows = net.transpose(net.reshape(patches, [0, width, -1]), [0, 2, 1])
  const classRow = net.node('Expand', [
    net.weight(`${PREFIX}cls_token`, [1, 1, width]),
    net.shape([[pixels, 0], 1, width]),
  ])
  const placed = net.node('Add', [
    net.node('Concat', [classRow, patchRows], { axis: 1 }),
    net.weight(`${PREFIX}pos_embed`, [1, tokens, width]),
  ])
  net.tap('embeddings', 3, () => placed)
  let rows = net.reshape(placed, [-1, width])
  for (let block = 0; block < layers; block++) {
    const name = `${PREFIX}blocks.${block}`
    const normed = layerNorm(net, `${name}.norm1`, rows, width, EPSILON)
    const stacked = linear(net, `${name}.attn.qkv`, normed, width, 3 * width)
    const [query, key, value] = net.graph.nodes('Split', [stacked], 3, { axis: -1, num_outputs: 3 })
    const attended = attention(net, query!, key!, value!, { batch: pixels, heads, headSize: HEAD_WIDTH })
    const seen = linear(net, `${name}.attn.proj`, attended, width, width)
    net.tap(`blocks.${block}.attn`, 3, () => shaped(seen))
    rows = net.node('Add', [rows, seen])
    const fed = linear(net, `${name}.mlp.fc1`, layerNorm(net, `${name}.norm2`, rows, width, EPSILON), width, inner)
    rows = net.node('Add', [rows, linear(net, `${name}.mlp.fc2`, activation(net, 'gelu', fed), inner, width)])
    const result = rows
    net.tap(`blocks.${block}`, 3, () => shaped(result))
  }
  const last = shaped(layerNorm(net, `${PREFIX}norm`, rows, width, EPSILON))
  net.output('last_hidden_state', last, ['batch', tokens, width])
  return net.finish((name) => name.startsWith(PREFIX))
}
