import type { Architecture, Component } from '../model/checkpoint'
import { groups, indices, sampleSize, Shapes } from './shapes'

/** The config.json of an AutoencoderKL. */
export function inferVaeConfig(component: Component, architecture: Architecture): Record<string, unknown> {
  const shapes = new Shapes(component)
  const sdxl = architecture.startsWith('sdxl')
  const levels = indices(shapes.count('encoder.down_blocks') || shapes.count('decoder.up_blocks'))
  const channels = levels.map(
    (level) =>
      shapes.size(`encoder.down_blocks.${level}.resnets.0.conv1.weight`, 0) ||
      shapes.size(`decoder.up_blocks.${levels.length - 1 - level}.resnets.0.conv1.weight`, 0),
  )
  return {
    _class_name: 'AutoencoderKL',
    act_fn: 'silu',
    block_out_channels: channels,
    down_block_types: levels.map(() => 'DownEncoderBlock2D'),
    force_upcast: sdxl,
    in_channels: shapes.size('encoder.conv_in.weight', 1),
    latent_channels: shapes.size('decoder.conv_in.weight', 1),
    layers_per_block: shapes.count('encoder.down_blocks.0.resnets') || shapes.count('decoder.up_blocks.0.resnets') - 1,
    norm_num_groups: groups(channels),
    out_channels: shapes.size('decoder.conv_out.weight', 0),
    sample_size: sampleSize(architecture),
    scaling_factor: sdxl ? 0.13025 : 0.18215,
    up_block_types: levels.map(() => 'UpDecoderBlock2D'),
    use_post_quant_conv: shapes.has('post_quant_conv.weight'),
    use_quant_conv: shapes.has('quant_conv.weight'),
  }
}
