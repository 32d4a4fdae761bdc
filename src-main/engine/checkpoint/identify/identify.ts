import type { Architecture, Component, ComponentName, OpenedParts, PredictionType } from '../model/checkpoint'
import { statedPrediction, type Identity } from './prediction'

const LATENT_CHANNELS = 4
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

/** Architecture and prediction type, from shapes, configs, metadata and marker tensors. */
export function identify(parts: OpenedParts): Identity {
  const family = architectureOf(parts.components)
  const stated = statedPrediction(parts)
  const predictionType = stated.edm ? null : (stated.type ?? defaultPrediction(family))
  const architecture = family === 'sd2' && predictionType === 'v_prediction' ? 'sd2-v' : family
  return { architecture, predictionType, stated }
}

/** The architecture that a UNet's shapes tell. */
export function architectureOf(components: ReadonlyMap<ComponentName, Component>): Architecture {
  const traits = unetTraits(components.get('unet'))
  if (!traits) return 'unknown'
  const { inChannels, outChannels, additionEmbedding, linearProjection, levels } = traits
  const names = components.get('unet')?.tensors
  if (outChannels !== LATENT_CHANNELS || names?.has('class_embedding.linear_1.weight')) return 'unknown'
  if (names?.has('class_embedding.weight')) return 'unknown'
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

/** What all published models of a family predict; Stable Diffusion 2 has models of both kinds. */
function defaultPrediction(architecture: Architecture): PredictionType | null {
  return architecture === 'unknown' || architecture === 'sd2' ? null : 'epsilon'
}
