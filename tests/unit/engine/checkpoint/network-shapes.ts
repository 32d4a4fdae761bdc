/** Names and shapes of diffusers' networks, by hand from their classes: for files of real shapes without weights. */

export type Shapes = Map<string, number[]>

export interface UnetSettings {
  channels: number[]
  /** Transformer blocks per level on the way down; 0: no attention. The way up mirrors it. */
  depths: number[]
  middleDepth: number
  crossAttention: number
  inChannels?: number
  linear: boolean
  addition?: number
}

export const SD14_UNET: UnetSettings = {
  channels: [320, 640, 1280, 1280],
  depths: [1, 1, 1, 0],
  middleDepth: 1,
  crossAttention: 768,
  linear: false,
}
export const SD2_UNET: UnetSettings = { ...SD14_UNET, crossAttention: 1024, linear: true }
export const SDXL_UNET: UnetSettings = {
  channels: [320, 640, 1280],
  depths: [0, 2, 10],
  middleDepth: 10,
  crossAttention: 2048,
  linear: true,
  addition: 2816,
}
export const REFINER_UNET: UnetSettings = {
  channels: [384, 768, 1536, 1536],
  depths: [0, 4, 4, 0],
  middleDepth: 4,
  crossAttention: 1280,
  linear: true,
  addition: 2560,
}

class Builder {
  readonly shapes: Shapes = new Map()

  layer(name: string, ...weight: number[]): void {
    this.shapes.set(`${name}.weight`, weight).set(`${name}.bias`, [weight[0] as number])
  }

  matrix(name: string, out: number, width: number): void {
    this.shapes.set(`${name}.weight`, [out, width])
  }

  resnet(name: string, from: number, to: number, time: number): void {
    this.layer(`${name}.norm1`, from)
    this.layer(`${name}.conv1`, to, from, 3, 3)
    if (time) this.layer(`${name}.time_emb_proj`, to, time)
    this.layer(`${name}.norm2`, to)
    this.layer(`${name}.conv2`, to, to, 3, 3)
    if (from !== to) this.layer(`${name}.conv_shortcut`, to, from, 1, 1)
  }

  transformer(name: string, width: number, depth: number, { crossAttention, linear }: UnetSettings): void {
    const projection = linear ? [] : [1, 1]
    this.layer(`${name}.norm`, width)
    this.layer(`${name}.proj_in`, width, width, ...projection)
    for (let i = 0; i < depth; i++) {
      const block = `${name}.transformer_blocks.${i}`
      for (const [attention, context] of [
        ['attn1', width],
        ['attn2', crossAttention],
      ] as const) {
        this.matrix(`${block}.${attention}.to_q`, width, width)
        this.matrix(`${block}.${attention}.to_k`, width, context)
        this.matrix(`${block}.${attention}.to_v`, width, context)
        this.layer(`${block}.${attention}.to_out.0`, width, width)
      }
      this.layer(`${block}.ff.net.0.proj`, 8 * width, width)
      this.layer(`${block}.ff.net.2`, width, 4 * width)
      for (const norm of ['norm1', 'norm2', 'norm3']) this.layer(`${block}.${norm}`, width)
    }
    this.layer(`${name}.proj_out`, width, width, ...projection)
  }
}

/** UNet2DConditionModel with two layers per block. */
export function unetShapes(settings: UnetSettings): Shapes {
  const { channels, depths, middleDepth, inChannels = 4, addition } = settings
  const builder = new Builder()
  const first = channels[0] as number
  const last = channels.at(-1) as number
  const time = 4 * first
  builder.layer('conv_in', first, inChannels, 3, 3)
  builder.layer('time_embedding.linear_1', time, first)
  builder.layer('time_embedding.linear_2', time, time)
  if (addition) {
    builder.layer('add_embedding.linear_1', time, addition)
    builder.layer('add_embedding.linear_2', time, time)
  }
  const skips = [first]
  channels.forEach((width, level) => {
    for (let layer = 0; layer < 2; layer++) {
      const from = skips.at(-1) as number
      builder.resnet(`down_blocks.${level}.resnets.${layer}`, from, width, time)
      const depth = depths[level] as number
      if (depth) builder.transformer(`down_blocks.${level}.attentions.${layer}`, width, depth, settings)
      skips.push(width)
    }
    if (level + 1 < channels.length) {
      builder.layer(`down_blocks.${level}.downsamplers.0.conv`, width, width, 3, 3)
      skips.push(width)
    }
  })
  builder.resnet('mid_block.resnets.0', last, last, time)
  builder.transformer('mid_block.attentions.0', last, middleDepth, settings)
  builder.resnet('mid_block.resnets.1', last, last, time)
  let current = last
  channels.toReversed().forEach((width, block) => {
    for (let layer = 0; layer < 3; layer++) {
      builder.resnet(`up_blocks.${block}.resnets.${layer}`, current + (skips.pop() as number), width, time)
      const depth = depths.at(-1 - block) as number
      if (depth) builder.transformer(`up_blocks.${block}.attentions.${layer}`, width, depth, settings)
      current = width
    }
    if (block + 1 < channels.length) builder.layer(`up_blocks.${block}.upsamplers.0.conv`, width, width, 3, 3)
  })
  builder.layer('conv_norm_out', first)
  builder.layer('conv_out', 4, first, 3, 3)
  return builder.shapes
}

/** AutoencoderKL of Stable Diffusion. */
export function vaeShapes(channels = [128, 256, 512, 512]): Shapes {
  const builder = new Builder()
  const last = channels.at(-1) as number
  const side = (
    name: string,
    from: number,
    to: number,
    widths: number[],
    blocks: string,
    sampler: string,
    layers: number,
  ) => {
    const start = name === 'encoder' ? (widths[0] as number) : last
    builder.layer(`${name}.conv_in`, start, from, 3, 3)
    let current = start
    widths.forEach((width, level) => {
      for (let layer = 0; layer < layers; layer++) {
        builder.resnet(`${name}.${blocks}.${level}.resnets.${layer}`, current, width, 0)
        current = width
      }
      if (level + 1 < widths.length) builder.layer(`${name}.${blocks}.${level}.${sampler}.0.conv`, width, width, 3, 3)
    })
    for (const i of [0, 1]) builder.resnet(`${name}.mid_block.resnets.${i}`, last, last, 0)
    builder.layer(`${name}.mid_block.attentions.0.group_norm`, last)
    for (const part of ['to_q', 'to_k', 'to_v', 'to_out.0'])
      builder.layer(`${name}.mid_block.attentions.0.${part}`, last, last)
    builder.layer(`${name}.conv_norm_out`, current)
    builder.layer(`${name}.conv_out`, to, current, 3, 3)
  }
  side('encoder', 3, 8, channels, 'down_blocks', 'downsamplers', 2)
  side('decoder', 4, 3, channels.toReversed(), 'up_blocks', 'upsamplers', 3)
  builder.layer('quant_conv', 8, 8, 1, 1)
  builder.layer('post_quant_conv', 4, 4, 1, 1)
  return builder.shapes
}

/** CLIPTextModel, with projection where its width is given. */
export function textEncoderShapes(width: number, layers: number, projection = 0): Shapes {
  const builder = new Builder()
  builder.matrix('text_model.embeddings.token_embedding', 49408, width)
  builder.matrix('text_model.embeddings.position_embedding', 77, width)
  for (let i = 0; i < layers; i++) {
    const layer = `text_model.encoder.layers.${i}`
    for (const part of ['k_proj', 'v_proj', 'q_proj', 'out_proj'])
      builder.layer(`${layer}.self_attn.${part}`, width, width)
    builder.layer(`${layer}.layer_norm1`, width)
    builder.layer(`${layer}.mlp.fc1`, 4 * width, width)
    builder.layer(`${layer}.mlp.fc2`, width, 4 * width)
    builder.layer(`${layer}.layer_norm2`, width)
  }
  builder.layer('text_model.final_layer_norm', width)
  if (projection) builder.matrix('text_projection', projection, width)
  return builder.shapes
}
