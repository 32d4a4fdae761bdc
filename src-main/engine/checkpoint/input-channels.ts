import { denoiserOf } from './denoisers'
import { LATENT_CHANNELS, sameFamily, unetTraits } from './denoisers/unet-traits'
import { widenedTensor } from './containers/derived/widened-tensors'
import type { Checkpoint, Component, TensorView } from './model/checkpoint'

/** The layer whose inputs are the latents, and in inpainting and editing models more than these. */
export const FIRST_LAYER = 'conv_in.weight'

/**
 * A model whose UNet takes the latents alone, made to fit one that takes more channels (inpainting, editing, depth): its
 * first layer gets the other channels of the wide one. In a merge with the wide model as what all changes are added to,
 * or averaged with, these channels then stay as the wide model has them.
 * @returns the model itself where it is no narrower, or of another family
 */
export function widenFirstLayer(model: Checkpoint, wide: Checkpoint): Checkpoint {
  const [own, other] = [denoiserOf(model), denoiserOf(wide)]
  const [narrow, target] = [own, other].map((unet) => unetTraits(unet))
  if (!own || !other || !narrow || !target) return model
  const isNarrower = narrow.inChannels === LATENT_CHANNELS && target.inChannels > LATENT_CHANNELS
  if (!isNarrower || model.architecture === 'unknown' || !sameFamily(narrow, target)) return model
  const [view, wideView] = [own, other].map(({ tensors }) => tensors.get(FIRST_LAYER)!)
  const stored = widenedTensor(view!.stored, wideView!.stored)
  const tensors = new Map(own.tensors).set(FIRST_LAYER, { ...view!, shape: wideView!.shape, stored })
  const component: Component = { ...own, tensors }
  return {
    ...model,
    architecture: wide.architecture,
    components: new Map(model.components).set(own.name, component),
    files: [...model.files, ...wide.files.filter(({ path }) => path === wideView!.stored.path)],
  }
}

/** Whether a tensor has channels of another model. */
export function isWidened(view: TensorView | undefined): boolean {
  return view?.stored.widened !== undefined
}
