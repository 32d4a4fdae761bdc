import type { Architecture, ComponentName } from '../checkpoint'
import type { Naming } from './name-table'
import { clipText, openClipText } from './text-encoder'
import { ldmUnet } from './unet'
import { ldmVae } from './vae'

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
const SD1_TEXT: Section = { component: 'text_encoder', prefix: 'cond_stage_model.transformer.', naming: clipText }
const SD2_TEXT: Section = {
  component: 'text_encoder',
  prefix: 'cond_stage_model.model.',
  naming: openClipText({ layers: SD2_TEXT_LAYERS, projection: false }),
}
const SDXL_TEXT: Section = {
  component: 'text_encoder',
  prefix: 'conditioner.embedders.0.transformer.',
  naming: clipText,
}
const wholeOpenClip = openClipText({ layers: Number.POSITIVE_INFINITY, projection: true })
const SDXL_TEXT_2: Section = {
  component: 'text_encoder_2',
  prefix: 'conditioner.embedders.1.model.',
  naming: wholeOpenClip,
}
const REFINER_TEXT_2: Section = { ...SDXL_TEXT_2, prefix: 'conditioner.embedders.0.model.' }

/** Every section that a single file can hold. */
export const SECTIONS = [UNET_SECTION, VAE_SECTION, SD1_TEXT, SD2_TEXT, SDXL_TEXT, SDXL_TEXT_2, REFINER_TEXT_2]

/** The sections of an architecture's single files, in the order in which they are written; none for 'unknown'. */
export function sectionsOf(architecture: Architecture): Section[] {
  if (architecture === 'unknown') return []
  if (architecture === 'sdxl-refiner') return [UNET_SECTION, VAE_SECTION, REFINER_TEXT_2]
  if (architecture.startsWith('sdxl')) return [UNET_SECTION, VAE_SECTION, SDXL_TEXT, SDXL_TEXT_2]
  return [UNET_SECTION, VAE_SECTION, architecture.startsWith('sd1') ? SD1_TEXT : SD2_TEXT]
}
