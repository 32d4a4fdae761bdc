import type { Architecture, Component } from '../model/checkpoint'
import { groups, headCount, indices, sampleSize, Shapes } from './shapes'

/** Stable Diffusion 1 has eight heads at every level; the key's name says dim, its value is the number of heads. */
const SD1_HEADS = 8
/** Width of each sinusoidal embedding of SDXL's picture sizes, of which there are six. */
const ADDITION_TIME_EMBED_DIM = 256
const SIZE_EMBEDDINGS = 6

/**
 * The config.json of a UNet2DConditionModel.
 * @param pooledWidth of the text that SDXL's UNet gets beside the sizes, where its encoder is at hand
 */
export function inferUnetConfig(
  component: Component,
  architecture: Architecture,
  pooledWidth?: number,
): Record<string, unknown> {
  const shapes = new Shapes(component)
  const levels = indices(shapes.count('down_blocks'))
  const channels = levels.map((level) => shapes.size(`down_blocks.${level}.resnets.0.conv1.weight`, 0))
  const depth = (module: string) => shapes.count(`${module}.transformer_blocks`)
  const middleDepth = depth('mid_block.attentions.0')
  const depths = levels.map((level) => {
    const last = level === levels.length - 1
    return depth(`down_blocks.${level}.attentions.0`) || (last && middleDepth) || 1
  })
  const linear = shapes.size(shapes.find('.proj_in.weight'), 2) === 0 // a matrix, no 1×1 convolution
  const additionWidth = shapes.size('add_embedding.linear_1.weight', 1)
  const sizeWidth = pooledWidth === undefined ? 0 : (additionWidth - pooledWidth) / SIZE_EMBEDDINGS
  return {
    _class_name: 'UNet2DConditionModel',
    act_fn: 'silu',
    addition_embed_type: additionWidth > 0 ? 'text_time' : null,
    addition_time_embed_dim:
      additionWidth > 0 ? (Number.isInteger(sizeWidth) && sizeWidth > 0 ? sizeWidth : ADDITION_TIME_EMBED_DIM) : null,
    attention_head_dim: linear ? channels.map(headCount) : SD1_HEADS,
    block_out_channels: channels,
    center_input_sample: false,
    cross_attention_dim: shapes.size(shapes.find('.attn2.to_k.weight'), 1),
    down_block_types: levels.map((level) =>
      shapes.has(`down_blocks.${level}.attentions`) ? 'CrossAttnDownBlock2D' : 'DownBlock2D',
    ),
    downsample_padding: 1,
    flip_sin_to_cos: true,
    freq_shift: 0,
    in_channels: shapes.size('conv_in.weight', 1),
    layers_per_block: shapes.count('down_blocks.0.resnets'),
    mid_block_scale_factor: 1,
    norm_eps: 1e-5,
    norm_num_groups: groups(channels),
    out_channels: shapes.size('conv_out.weight', 0),
    projection_class_embeddings_input_dim: additionWidth > 0 ? additionWidth : null,
    sample_size: sampleSize(architecture) / 8,
    transformer_layers_per_block: depths.every((value) => value === depths[0]) ? (depths[0] ?? 1) : depths,
    up_block_types: levels.map((level) =>
      shapes.has(`up_blocks.${level}.attentions`) ? 'CrossAttnUpBlock2D' : 'UpBlock2D',
    ),
    upcast_attention: architecture === 'sd2-v',
    use_linear_projection: linear,
  }
}
