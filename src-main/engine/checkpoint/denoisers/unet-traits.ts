import type { Architecture, Component } from '../model/checkpoint'

/** What every UNet of Stable Diffusion takes; others take more. */
export const LATENT_CHANNELS = 4
const INPAINTING_CHANNELS = 9 // latents, masked latents, mask
const PIX2PIX_CHANNELS = 8 // latents, latents of the picture to edit

/** What shapes say about a UNet's family. */
export interface UnetTraits {
  inChannels: number
  outChannels: number
  /** Width of the text states that its attention reads. */
  crossAttentionDim: number
  /** Linear layers round attention (Stable Diffusion 2, SDXL) rather than 1×1 convolutions. */
  linearProjection: boolean
  /** Takes pooled text and picture sizes (SDXL). */
  additionEmbedding: boolean
  levels: number
}

/** The traits of a UNet with attention to text; undefined for anything else. */
export function unetTraits(unet: Component | undefined): UnetTraits | undefined {
  if (!unet) return undefined
  const shape = (name: string) => unet.tensors.get(name)?.shape
  const names = [...unet.tensors.keys()]
  const attention = names.find((name) => name.endsWith('.attn2.to_k.weight'))
  const projection = names.find((name) => name.endsWith('.proj_in.weight'))
  const inChannels = shape('conv_in.weight')?.[1]
  const outChannels = shape('conv_out.weight')?.[0]
  if (!attention || !projection || inChannels === undefined || outChannels === undefined) return undefined
  const crossAttentionDim = shape(attention)?.[1] ?? 0
  const levels = new Set(names.map((name) => /^down_blocks\.(\d+)\./.exec(name)?.[1]).filter(Boolean)).size
  return {
    inChannels,
    outChannels,
    crossAttentionDim,
    linearProjection: shape(projection)?.length === 2,
    additionEmbedding: unet.tensors.has('add_embedding.linear_1.weight'),
    levels,
  }
}

/** The architecture that a UNet's shapes tell. */
export function unetArchitecture(unet: Component): Architecture {
  const traits = unetTraits(unet)
  if (!traits) return 'unknown'
  const { inChannels, outChannels, additionEmbedding, linearProjection, levels } = traits
  if (outChannels !== LATENT_CHANNELS || unet.tensors.has('class_embedding.linear_1.weight')) return 'unknown'
  if (unet.tensors.has('class_embedding.weight')) return 'unknown'
  if (additionEmbedding) {
    if (inChannels === INPAINTING_CHANNELS) return 'sdxl-inpainting'
    if (inChannels !== LATENT_CHANNELS) return 'unknown'
    return levels > 3 ? 'sdxl-refiner' : 'sdxl-base' // the refiner has a fourth level
  }
  if (linearProjection) {
    if (inChannels === INPAINTING_CHANNELS) return 'sd2-inpainting'
    return inChannels === LATENT_CHANNELS ? 'sd2' : 'unknown'
  }
  if (inChannels === INPAINTING_CHANNELS) return 'sd1-inpainting'
  if (inChannels === PIX2PIX_CHANNELS) return 'sd1-pix2pix'
  return inChannels === LATENT_CHANNELS ? 'sd1' : 'unknown'
}

/** Whether two UNets differ in the number of their input channels at most. */
export function sameFamily(a: UnetTraits, b: UnetTraits): boolean {
  return (
    a.crossAttentionDim === b.crossAttentionDim &&
    a.linearProjection === b.linearProjection &&
    a.additionEmbedding === b.additionEmbedding &&
    a.levels === b.levels
  )
}
