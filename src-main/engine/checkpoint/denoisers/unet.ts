import { inferUnetConfig } from '../configs/unet'
import { UNET_SECTION, UNET_SECTIONS } from '../key-maps/single-file'
import type { Denoiser } from './denoiser'
import { UNetBlocks } from './unet-blocks'
import { unetArchitecture } from './unet-traits'

const TENSORS = ['conv_in.weight', 'time_embedding.linear_1.weight', 'down_blocks.0.resnets.0.conv1.weight']

/** The UNet of Stable Diffusion 1, 2 and SDXL. */
export const unet: Denoiser = {
  component: 'unet',
  className: 'UNet2DConditionModel',
  fileLayout: 'unet-file',
  section: UNET_SECTION,
  fileSections: UNET_SECTIONS,
  otherNamesTensor: 'input_blocks.0.0.weight',
  isIn: (has) => TENSORS.every(has),
  architectureOf: unetArchitecture,
  inferConfig: inferUnetConfig,
  blocks: (names) => new UNetBlocks(names),
}
