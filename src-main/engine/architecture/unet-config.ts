import { ConfigReader, MOST_LAYERS } from './config-reader'

const DOWN_BLOCKS = ['CrossAttnDownBlock2D', 'DownBlock2D'] as const
const UP_BLOCKS = ['CrossAttnUpBlock2D', 'UpBlock2D'] as const

/** One level of the UNet, as the down path sees it. */
export interface UnetLevel {
  channels: number
  layers: number
  /** Transformer blocks after each resnet; 0: none. */
  depth: number
  /** The same on the way up. */
  upDepth: number
  heads: number
}

export interface UnetConfig {
  inChannels: number
  outChannels: number
  centerInputSample: boolean
  timeFrequencies: number
  timeWidth: number
  flipSinToCos: boolean
  frequencyShift: number
  convInKernel: number
  convOutKernel: number
  groups: number
  epsilon: number
  crossAttentionDim: number
  upcastAttention: boolean
  levels: UnetLevel[]
  mid: { depth: number; outputScale: number }
  /** SDXL: size conditioning, addition_embed_type 'text_time'. */
  addition: { timeFrequencies: number; inputs: number } | null
}

/**
 * A UNet2DConditionModel's config with diffusers' defaults (0.42).
 * @throws FusionError 'unsupported' or 'malformed', with the key and its value
 */
export function readUnetConfig(json: Readonly<Record<string, unknown>>): UnetConfig {
  const config = new ConfigReader(json, 'UNet2DConditionModel')
  config.ignore('sample_size', 'dropout', 'addition_embed_type_num_heads')
  refuseExtensions(config)

  const channels = config.integers('block_out_channels', [320, 640, 1280, 1280])
  const count = channels.length
  const downTypes = config.strings(
    'down_block_types',
    [...Array<'CrossAttnDownBlock2D'>(3).fill('CrossAttnDownBlock2D'), 'DownBlock2D'],
    DOWN_BLOCKS,
  )
  const upTypes = config.strings(
    'up_block_types',
    ['UpBlock2D', ...Array<'CrossAttnUpBlock2D'>(3).fill('CrossAttnUpBlock2D')],
    UP_BLOCKS,
  )
  if (downTypes.length !== count || upTypes.length !== count)
    throw config.contradiction(
      `${count} block_out_channels, ${downTypes.length} down_block_types, ${upTypes.length} up_block_types`,
    )
  const layers = config.integers('layers_per_block', 2, count, MOST_LAYERS)
  const heads = config.integers('attention_head_dim', 8, count)
  const depths = config.integers('transformer_layers_per_block', 1, count, MOST_LAYERS)
  const reversed = json['reverse_transformer_layers_per_block'] ?? null
  const upDepths =
    reversed === null
      ? [...depths].reverse()
      : config.integers('reverse_transformer_layers_per_block', 1, count, MOST_LAYERS)
  const contextWidths = new Set(config.integers('cross_attention_dim', 1280, count))
  if (contextWidths.size > 1) throw config.contradiction('cross_attention_dim differs between blocks')
  channels.forEach((width, level) => {
    const isLast = level === count - 1 // the middle block's, which always attends
    const attends = isLast || downTypes[level] !== 'DownBlock2D' || upTypes[count - 1 - level] !== 'UpBlock2D'
    if (attends && heads[level]! > width) throw config.contradiction(`${heads[level]} heads for ${width} channels`)
  })

  const groups = config.integer('norm_num_groups', 32)
  for (const width of channels)
    if (width % groups !== 0)
      throw config.contradiction(`${width} channels are not divisible by ${groups} norm_num_groups`)
  const addition = config.choice('addition_embed_type', null, [null, 'text_time'])
  const result: UnetConfig = {
    inChannels: config.integer('in_channels', 4),
    outChannels: config.integer('out_channels', 4),
    centerInputSample: config.boolean('center_input_sample', false),
    timeFrequencies: channels[0]!,
    timeWidth: config.optionalInteger('time_embedding_dim') ?? channels[0]! * 4,
    flipSinToCos: config.boolean('flip_sin_to_cos', true),
    frequencyShift: config.number('freq_shift', 0),
    convInKernel: config.choice('conv_in_kernel', 3, [1, 3, 5, 7]),
    convOutKernel: config.choice('conv_out_kernel', 3, [1, 3, 5, 7]),
    groups,
    epsilon: config.number('norm_eps', 1e-5),
    crossAttentionDim: [...contextWidths][0]!,
    upcastAttention: config.boolean('upcast_attention', false),
    levels: channels.map((width, level) => ({
      channels: width,
      layers: layers[level]!,
      depth: downTypes[level] === 'DownBlock2D' ? 0 : depths[level]!,
      upDepth: upTypes[count - 1 - level] === 'UpBlock2D' ? 0 : upDepths[count - 1 - level]!,
      heads: heads[level]!,
    })),
    mid: { depth: depths[count - 1]!, outputScale: config.number('mid_block_scale_factor', 1) },
    addition:
      addition === null
        ? null
        : {
            timeFrequencies: config.integer('addition_time_embed_dim', 256),
            inputs: config.integer('projection_class_embeddings_input_dim', 2816),
          },
  }
  // The same product either way (transformer.ts).
  config.boolean('use_linear_projection', false)
  if (!addition) config.ignore('addition_time_embed_dim', 'projection_class_embeddings_input_dim')
  config.finish()
  return result
}

/**
 * Extensions of other model families, refused unless they are at their neutral value. Null counts as it where diffusers
 * takes it so.
 */
function refuseExtensions(config: ConfigReader): void {
  config.choice('act_fn', 'silu', ['silu', 'swish'])
  config.choice('mid_block_type', 'UNetMidBlock2DCrossAttn', ['UNetMidBlock2DCrossAttn'])
  config.choice('downsample_padding', 1, [1])
  config.choice('only_cross_attention', false, [false])
  config.choice('mid_block_only_cross_attention', null, [null, false])
  config.choice('dual_cross_attention', false, [false, null])
  config.choice('resnet_time_scale_shift', 'default', ['default'])
  config.choice('resnet_skip_time_act', false, [false, null])
  config.choice('resnet_out_scale_factor', 1, [1, null])
  config.choice('time_embedding_type', 'positional', ['positional'])
  config.choice('attention_type', 'default', ['default', null])
  config.choice('class_embeddings_concat', false, [false, null])
  for (const key of [
    'encoder_hid_dim',
    'encoder_hid_dim_type',
    'num_attention_heads',
    'class_embed_type',
    'num_class_embeds',
    'time_embedding_act_fn',
    'timestep_post_act',
    'time_cond_proj_dim',
    'cross_attention_norm',
  ])
    config.choice(key, null, [null])
}
