import {
  REFINER_TEXT_2,
  SD1_TEXT,
  SD2_TEXT,
  SDXL_TEXT,
  SDXL_TEXT_2,
  UNET_SECTION,
  VAE_SECTION,
  type Section,
} from '../key-maps/single-file'
import type { Architecture } from '../model/checkpoint'

/** An architecture: its names, and where its single files have its networks. */
interface ArchitectureEntry {
  /** In words. */
  title: string
  /** diffusers' pipeline. */
  pipelineClass?: string
  /** The name for `modelspec.architecture`; null where there is none. */
  modelspec: string | null
  /** The networks of its single files, in the order in which they are written. */
  sections: readonly Section[]
}

export const ARCHITECTURES: Readonly<Record<Architecture, ArchitectureEntry>> = {
  sd1: {
    title: 'Stable Diffusion 1',
    pipelineClass: 'StableDiffusionPipeline',
    modelspec: 'stable-diffusion-v1',
    sections: [UNET_SECTION, VAE_SECTION, SD1_TEXT],
  },
  'sd1-inpainting': {
    title: 'Stable Diffusion 1 inpainting',
    pipelineClass: 'StableDiffusionInpaintPipeline',
    modelspec: 'stable-diffusion-v1/inpainting',
    sections: [UNET_SECTION, VAE_SECTION, SD1_TEXT],
  },
  'sd1-pix2pix': {
    title: 'InstructPix2Pix (Stable Diffusion 1)',
    pipelineClass: 'StableDiffusionInstructPix2PixPipeline',
    modelspec: 'stable-diffusion-v1/instruct-pix2pix',
    sections: [UNET_SECTION, VAE_SECTION, SD1_TEXT],
  },
  sd2: {
    title: 'Stable Diffusion 2',
    pipelineClass: 'StableDiffusionPipeline',
    modelspec: 'stable-diffusion-v2-512',
    sections: [UNET_SECTION, VAE_SECTION, SD2_TEXT],
  },
  'sd2-v': {
    title: 'Stable Diffusion 2 (v prediction)',
    pipelineClass: 'StableDiffusionPipeline',
    modelspec: 'stable-diffusion-v2-768-v',
    sections: [UNET_SECTION, VAE_SECTION, SD2_TEXT],
  },
  'sd2-inpainting': {
    title: 'Stable Diffusion 2 inpainting',
    pipelineClass: 'StableDiffusionInpaintPipeline',
    modelspec: 'stable-diffusion-v2-512/inpainting',
    sections: [UNET_SECTION, VAE_SECTION, SD2_TEXT],
  },
  'sdxl-base': {
    title: 'SDXL',
    pipelineClass: 'StableDiffusionXLPipeline',
    modelspec: 'stable-diffusion-xl-v1-base',
    sections: [UNET_SECTION, VAE_SECTION, SDXL_TEXT, SDXL_TEXT_2],
  },
  'sdxl-inpainting': {
    title: 'SDXL inpainting',
    pipelineClass: 'StableDiffusionXLInpaintPipeline',
    modelspec: 'stable-diffusion-xl-v1-base/inpainting',
    sections: [UNET_SECTION, VAE_SECTION, SDXL_TEXT, SDXL_TEXT_2],
  },
  'sdxl-refiner': {
    title: 'SDXL refiner',
    pipelineClass: 'StableDiffusionXLImg2ImgPipeline',
    modelspec: 'stable-diffusion-xl-v1-refiner',
    sections: [UNET_SECTION, VAE_SECTION, REFINER_TEXT_2],
  },
  unknown: {
    title: 'unknown',
    modelspec: null,
    sections: [],
  },
}
