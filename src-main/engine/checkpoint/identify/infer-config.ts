import type { Architecture, Checkpoint, Component } from '../model/checkpoint'
import { modulesOf } from '../key-maps/name-table'

/** Width of one attention head in Stable Diffusion 2, SDXL and all CLIP text encoders. */
const HEAD_WIDTH = 64
/** Stable Diffusion 1 has eight heads at every level; the key's name says dim, its value is the number of heads. */
const SD1_HEADS = 8
/** Groups of every group norm of published models; smaller networks have as many as divide all their channels. */
const NORM_GROUPS = 32
/** Width of each sinusoidal embedding of SDXL's picture sizes, of which there are six. */
const ADDITION_TIME_EMBED_DIM = 256
const SIZE_EMBEDDINGS = 6

/**
 * The config.json that a component would have: what shapes tell, and the values of the published models of its
 * architecture for the rest (head counts, groups, activation). Keys are diffusers' and transformers'.
 *
 * @param pooledWidth of the text that SDXL's UNet gets beside the sizes, where its encoder is at hand
 * @returns null for a component whose class is not known
 */
export function inferConfig(
  component: Component,
  architecture: Architecture,
  pooledWidth?: number,
): Record<string, unknown> | null {
  const shapes = new Shapes(component)
  if (component.name === 'unet') return unetConfig(shapes, architecture, pooledWidth)
  if (component.name === 'vae') return vaeConfig(shapes, architecture)
  if (component.name === 'model') return null
  return shapes.has('text_model.embeddings.token_embedding.weight')
    ? textEncoderConfig(shapes, component, architecture)
    : null
}

/**
 * The VAE that a checkpoint brings to a model: what neither its config.json nor its own architecture tells (scaling
 * factor, precision, size) is that of the model's architecture.
 */
export function vaeFor(architecture: Architecture, from: Checkpoint): Component | undefined {
  const vae = from.components.get('vae')
  if (!vae?.isConfigInferred || from.architecture !== 'unknown') return vae
  return { ...vae, config: inferConfig(vae, architecture) }
}

class Shapes {
  private readonly modules: ReadonlySet<string>

  constructor(private readonly component: Component) {
    this.modules = modulesOf(component.tensors.keys())
  }

  /** Whether there is a tensor or a module of this name. */
  has(name: string): boolean {
    return this.component.tensors.has(name) || this.modules.has(name)
  }

  /** One dimension of a tensor; 0 where it is not there. */
  size(name: string, dimension: number): number {
    return this.component.tensors.get(name)?.shape[dimension] ?? 0
  }

  /** How many modules are numbered from 0 under a name. */
  count(module: string): number {
    let count = 0
    while (this.modules.has(`${module}.${count}`)) count++
    return count
  }

  /** The first tensor whose name ends so; '' where there is none. */
  find(end: string): string {
    for (const name of this.component.tensors.keys()) if (name.endsWith(end)) return name
    return ''
  }
}

function unetConfig(shapes: Shapes, architecture: Architecture, pooledWidth?: number): Record<string, unknown> {
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

function vaeConfig(shapes: Shapes, architecture: Architecture): Record<string, unknown> {
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

function textEncoderConfig(shapes: Shapes, { name }: Component, architecture: Architecture): Record<string, unknown> {
  const width = shapes.size('text_model.embeddings.token_embedding.weight', 1)
  const openClip = name === 'text_encoder_2' || architecture.startsWith('sd2')
  const projection = shapes.size('text_projection.weight', 0)
  return {
    architectures: [projection > 0 ? 'CLIPTextModelWithProjection' : 'CLIPTextModel'],
    bos_token_id: 0,
    eos_token_id: 2, // as published; transformers then takes the largest id as the end
    hidden_act: openClip ? 'gelu' : 'quick_gelu',
    hidden_size: width,
    intermediate_size: shapes.size('text_model.encoder.layers.0.mlp.fc1.weight', 0),
    layer_norm_eps: 1e-5,
    max_position_embeddings: shapes.size('text_model.embeddings.position_embedding.weight', 0),
    model_type: 'clip_text_model',
    num_attention_heads: headCount(width),
    num_hidden_layers: shapes.count('text_model.encoder.layers'),
    pad_token_id: 1,
    projection_dim: projection || (openClip ? 512 : width),
    vocab_size: shapes.size('text_model.embeddings.token_embedding.weight', 0),
  }
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

function headCount(width: number): number {
  return Math.max(1, Math.round(width / HEAD_WIDTH))
}

function groups(channels: readonly number[]): number {
  const greatest = (a: number, b: number): number => (b === 0 ? a : greatest(b, a % b))
  return channels.reduce(greatest, NORM_GROUPS)
}

/** Edge of the pictures that an architecture was trained on. */
function sampleSize(architecture: Architecture): number {
  if (architecture.startsWith('sdxl')) return 1024
  return architecture === 'sd2-v' ? 768 : 512
}
