import { FusionError } from '../../contract/errors'
import type { Component } from './model/checkpoint'

/**
 * A VAE makes pictures only of latents with as many channels as its UNet gives. What the UNet takes tells nothing: models
 * for inpainting and editing take the latents of other pictures beside them.
 * @throws FusionError 'incompatible' where shapes tell that the two do not belong together
 */
export function refuseOtherLatents(unet: Component | undefined, vae: Component): void {
  const given = unet?.tensors.get('conv_out.weight')
  const read = vae.tensors.get('decoder.conv_in.weight')
  const [channels] = given?.shape ?? []
  const wanted = read?.shape[1]
  if (channels === undefined || wanted === undefined || channels === wanted) return
  throw new FusionError(
    'incompatible',
    `The VAE of ${read!.stored.path} is for latents of ${wanted} channels, the UNet of ${given!.stored.path} gives ${channels}.`,
    {
      hint: 'Name a VAE of the same family as the model: those of FLUX and Stable Diffusion 3 do not fit Stable Diffusion 1, 2 or SDXL.',
    },
  )
}
