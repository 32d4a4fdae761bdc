import { isDenoiser } from '../../../contract/values/denoisers'
import { inferTextEncoderConfig } from '../configs/text-encoder'
import { inferVaeConfig } from '../configs/vae'
import { denoiserNamed } from '../denoisers'
import type { Architecture, Checkpoint, Component } from '../model/checkpoint'

/**
 * The config.json that a component would have: what shapes tell, and the values of the published models of its
 * architecture for the rest (head counts, groups, activation). Keys are diffusers' and transformers'.
 *
 * @param pooledWidth of the text that SDXL's UNet gets beside the sizes, where its encoder is at hand
 * @returns null for a component whose class is not known
 */
export function inferConfig(
  component: Component,
  architecture: Architecture,
  pooledWidth?: number,
): Record<string, unknown> | null {
  const { name } = component
  if (isDenoiser(name)) return denoiserNamed(name).inferConfig(component, architecture, pooledWidth)
  if (name === 'vae') return inferVaeConfig(component, architecture)
  return name === 'model' ? null : inferTextEncoderConfig(component, architecture)
}

/**
 * The VAE that a checkpoint brings to a model: what neither its config.json nor its own architecture tells (scaling
 * factor, precision, size) is that of the model's architecture.
 */
export function vaeFor(architecture: Architecture, from: Checkpoint): Component | undefined {
  const vae = from.components.get('vae')
  if (!vae?.isConfigInferred || from.architecture !== 'unknown') return vae
  return { ...vae, config: inferConfig(vae, architecture) }
}
