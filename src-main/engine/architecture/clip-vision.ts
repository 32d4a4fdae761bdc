import type { TensorView } from '../checkpoint/model/checkpoint'
import { clipEncoder, readClipSize } from './clip-layers'
import { ConfigReader, MOST_EDGE } from './config-reader'
import { conv, layerNorm, linear } from './layers'
import { NetworkGraph, type BuiltNetwork, type NetworkOptions } from './network-graph'

/**
 * transformers' CLIPVisionModelWithProjection.
 *
 * Input: `pixel_values` float32 [batch, 3, image_size, image_size]. Outputs, float32: `last_hidden_state`
 * [batch, patches + 1, width], without the final norm, and `image_embeds` [batch, projection_dim], not normalised.
 * @param json the vision_config, with the projection_dim of the whole model
 * @throws FusionError 'unsupported', 'malformed' or 'incompatible'
 */
export function buildClipVision(
  json: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, TensorView>,
  options: NetworkOptions,
): BuiltNetwork {
  const config = new ConfigReader(json, 'CLIPVisionModel')
  const size = readClipSize(config, { hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12 })
  const image = config.integer('image_size', 224, 1, MOST_EDGE)
  const patch = config.integer('patch_size', 32)
  const channels = config.integer('num_channels', 3)
  const projected = config.integer('projection_dim', 512)
  const { width, epsilon } = size
  const tokens = Math.floor(image / patch) ** 2 + 1

  const net = new NetworkGraph('CLIPVisionModel', tensors, options)
  const pixels = net.input('pixel_values', ['batch', channels, image, image])
  const embeddings = 'vision_model.embeddings'
  const patches = conv(net, `${embeddings}.patch_embedding`, pixels, channels, width, {
    kernel: patch,
    stride: patch,
    pads: [0, 0, 0, 0],
    bias: false,
  })
  const patchRows = net.transpose(net.reshape(patches, [0, width, -1]), [0, 2, 1])
  const classRow = net.node('Expand', [
    net.reshape(net.weight(`${embeddings}.class_embedding`, [width]), [1, 1, width]),
    net.shape([[pixels, 0], 1, width]),
  ])
  const placed = net.node('Add', [
    net.node('Concat', [classRow, patchRows], { axis: 1 }),
    net.weight(`${embeddings}.position_embedding.weight`, [tokens, width]),
  ])
  const rows = layerNorm(net, 'vision_model.pre_layrnorm', net.reshape(placed, [-1, width]), width, epsilon)
  const states = clipEncoder(net, 'vision_model.encoder', rows, pixels, size)
  const last = net.reshape(states.at(-1)!, [[pixels, 0], tokens, width])
  net.output('last_hidden_state', last, ['batch', tokens, width])
  const first = net.node('Gather', [last, net.graph.ints(0)], { axis: 1 })
  const pooled = layerNorm(net, 'vision_model.post_layernorm', first, width, epsilon)
  net.output('image_embeds', linear(net, 'visual_projection', pooled, width, projected, false), ['batch', projected])
  return net.finish((name) => name.startsWith('vision_model.') && !name.endsWith('position_ids'))
}
