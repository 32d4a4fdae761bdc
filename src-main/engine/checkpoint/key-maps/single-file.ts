import type { ComponentName } from '../model/checkpoint'
import type { Naming } from './name-table'
import { identity } from './identity'
import { clipText, clipTextWithProjection, openClipText } from './text-encoder'
import { ldmUnet } from './unet'
import { diffusersVae, ldmVae } from './vae'

/** One network inside a single file: all its tensors begin with the prefix. */
export interface Section {
  component: ComponentName
  prefix: string
  naming: Naming
}

/** Stable Diffusion 2 takes the states before OpenCLIP's last layer (of 24), which diffusers' folders do not have. */
const SD2_TEXT_LAYERS = 23

export const UNET_SECTION: Section = { component: 'unet', prefix: 'model.diffusion_model.', naming: ldmUnet }
export const VAE_SECTION: Section = { component: 'vae', prefix: 'first_stage_model.', naming: ldmVae }
export const SD1_TEXT: Section = {
  component: 'text_encoder',
  prefix: 'cond_stage_model.transformer.',
  naming: clipText,
}
export const SD2_TEXT: Section = {
  component: 'text_encoder',
  prefix: 'cond_stage_model.model.',
  naming: openClipText({ layers: SD2_TEXT_LAYERS, projection: false }),
}
export const SDXL_TEXT: Section = {
  component: 'text_encoder',
  prefix: 'conditioner.embedders.0.transformer.',
  naming: clipText,
}
const wholeOpenClip = openClipText({ layers: Number.POSITIVE_INFINITY, projection: true })
export const SDXL_TEXT_2: Section = {
  component: 'text_encoder_2',
  prefix: 'conditioner.embedders.1.model.',
  naming: wholeOpenClip,
}
export const REFINER_TEXT_2: Section = { ...SDXL_TEXT_2, prefix: 'conditioner.embedders.0.model.' }

/** A network under a prefix of its own in LDM's or in diffusers' names, which one of its tensors tells apart. */
function inEitherNames(ldmName: string, ldm: Naming, diffusers: Naming): Naming {
  return {
    fromStored: (names) => (names.includes(ldmName) ? ldm : diffusers).fromStored(names),
    fromCanonical: diffusers.fromCanonical,
  }
}
const anyUnet = inEitherNames('input_blocks.0.0.weight', ldmUnet, identity)
const anyVae = inEitherNames('decoder.mid.block_1.norm1.weight', ldmVae, diffusersVae)

/** Prefixes by which other programs (ComfyUI, Forge, trainers) save the networks. */
const OTHER_SECTIONS: readonly Section[] = [
  ...['model.diffusion_model.', 'diffusion_model.', 'unet.'].map((prefix): Section => ({
    component: 'unet',
    prefix,
    naming: anyUnet,
  })),
  { component: 'vae', prefix: 'vae.', naming: anyVae },
  ...['text_encoders.clip_l.transformer.', 'text_encoders.clip_h.transformer.', 'text_encoder.'].map(
    (prefix): Section => ({ component: 'text_encoder', prefix, naming: clipText }),
  ),
  ...['text_encoders.clip_g.transformer.', 'text_encoder_2.'].map((prefix): Section => ({
    component: 'text_encoder_2',
    prefix,
    naming: clipTextWithProjection,
  })),
]

/** Every section that a single file can hold. */
export const SECTIONS: readonly Section[] = [
  UNET_SECTION,
  VAE_SECTION,
  SD1_TEXT,
  SD2_TEXT,
  SDXL_TEXT,
  SDXL_TEXT_2,
  REFINER_TEXT_2,
  ...OTHER_SECTIONS,
]

/** Where a file that holds a UNet alone has it. */
export const UNET_SECTIONS: readonly Section[] = [
  ...OTHER_SECTIONS.filter(({ component }) => component === 'unet'),
  { component: 'unet', prefix: '', naming: anyUnet },
]
