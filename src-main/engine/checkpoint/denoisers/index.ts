import { DENOISER_COMPONENTS, isDenoiser, type DenoiserComponent } from '../../../contract/values/denoisers'
import type { Component, ComponentName } from '../model/checkpoint'
import type { Denoiser } from './denoiser'
import { unet } from './unet'

/** What has components: a checkpoint. */
interface Owner {
  components: ReadonlyMap<ComponentName, Component>
}

type DenoiserPart = Component & { name: DenoiserComponent }

const BY_COMPONENT: Record<DenoiserComponent, Denoiser> = { unet }

export const DENOISERS: readonly Denoiser[] = DENOISER_COMPONENTS.map(denoiserNamed)

export function denoiserNamed(component: DenoiserComponent): Denoiser {
  return BY_COMPONENT[component]
}

/** The part of a checkpoint that predicts noise; undefined for a VAE, a text encoder or an unknown network. */
export function denoiserOf({ components }: Owner): DenoiserPart | undefined {
  return [...components.values()].find((component): component is DenoiserPart => isDenoiser(component.name))
}

/** The component of a checkpoint's denoiser; of one that has none, the first kind's: where it would be looked for. */
export function denoiserName(checkpoint: Owner): DenoiserComponent {
  return denoiserOf(checkpoint)?.name ?? DENOISER_COMPONENTS[0]
}
