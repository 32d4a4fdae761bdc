import { FusionError } from '../../../contract/errors'
import type { OutputSettings } from '../../../contract/document/project'
import { denoiserOf } from '../../checkpoint/denoisers'
import { vaeFor } from '../../checkpoint/identify/infer-config'
import { refuseOtherLatents } from '../../checkpoint/latents'
import type { Checkpoint } from '../../checkpoint/model/checkpoint'

/**
 * The base with the VAE that the output shall have.
 * @throws FusionError 'validation' for a file without a VAE, or where there is no place for one; 'incompatible' for a VAE
 * of other latents; whatever opening it throws
 */
export async function baseWithVae(
  opener: { open(path: string): Promise<Checkpoint> },
  base: Checkpoint,
  { vae, layout }: OutputSettings,
): Promise<Checkpoint> {
  if (vae === undefined) return base
  const other = await opener.open(vae)
  const component = vaeFor(base.architecture, other)
  if (!component) throw new FusionError('validation', `${other.path} has no VAE to bake in.`)
  checkPlaceForVae(base, layout)
  refuseOtherLatents(denoiserOf(base), component)
  // Where it is new, it takes its place among the others.
  const components = new Map([...base.components, ['vae', component]] as const)
  return { ...base, components, files: [...base.files, ...other.files] }
}

/** @throws FusionError 'validation' for a base that has no VAE, in a layout that has no place for one */
function checkPlaceForVae(base: Checkpoint, layout: OutputSettings['layout']): void {
  if (base.components.has('vae')) return
  const isPart = base.layout === 'unet-file' || base.layout === 'generic' || base.layout === 'diffusers-component'
  const isInPlace = layout === 'same' || (layout === 'diffusers' && base.layout === 'diffusers-component')
  if (!base.components.has('model') && !(isPart && isInPlace)) return
  throw new FusionError(
    'validation',
    `${base.path} is one part of a model: in this layout there is no place for a VAE.`,
    {
      hint: 'Write a whole file (--layout single-file), or leave --vae out and name the VAE when pictures are drawn.',
    },
  )
}
