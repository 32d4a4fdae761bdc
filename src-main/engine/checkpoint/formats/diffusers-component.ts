import { basename } from 'node:path'
import { isDenoiser } from '../../../contract/values/denoisers'
import { DENOISERS } from '../denoisers'
import type { Component, ComponentName } from '../model/checkpoint'
import type { StoredTensor } from '../containers/container'
import { readComponentFolder, type ComponentFolder } from './component-folder'
import type { Naming } from '../key-maps/name-table'
import { clipText, clipTextWithProjection } from '../key-maps/text-encoder'
import { diffusersVae } from '../key-maps/vae'
import { identity } from '../key-maps/identity'
import { unwrapped } from '../key-maps/wrappers'
import { networkKind } from '../kinds/tensor-kinds'
import { readComponent, type FolderFormat } from './format'

/** Of components whose folders have other names than diffusers' classes, or older ones. */
const NAMINGS: Partial<Record<ComponentName, Naming>> = {
  vae: diffusersVae,
  text_encoder: clipText,
  text_encoder_2: clipTextWithProjection,
}

/** A component's folder alone (`unet/`), with config.json and weights in diffusers' form. */
export const diffusersComponent: FolderFormat = {
  async open(path) {
    const folder = await readComponentFolder(path)
    if (!folder) return undefined
    const name = nameOf(path, folder)
    const { component, extras } = toComponent(name, folder)
    return {
      path,
      layout: name === 'model' ? 'generic' : 'diffusers-component',
      components: new Map([[name, component]]),
      extras,
      files: folder.files.map(({ file }) => file),
      metadata: folder.files[0]?.metadata ?? {},
      problems: folder.problems,
      schedulerConfig: null,
    }
  },
}

/** The tensors of a component's folder under their canonical names. */
export function toComponent(
  name: ComponentName,
  { config, tensors }: Pick<ComponentFolder, 'config' | 'tensors'>,
): { component: Component; extras: StoredTensor[] } {
  const { component, left } = readComponent(name, tensors, { prefix: '', naming: NAMINGS[name] ?? identity })
  component.config = name === 'model' ? null : config
  return { component, extras: left }
}

/** Which network a folder holds: by the class in its config.json, else by its tensors. */
function nameOf(path: string, { config, tensors }: ComponentFolder): ComponentName {
  const classes = [config?._class_name, ...(Array.isArray(config?.architectures) ? config.architectures : [])]
  const denoiser = DENOISERS.find(({ className }) => classes.includes(className))
  if (denoiser) return denoiser.component
  if (classes.includes('AutoencoderKL')) return 'vae'
  if (classes.includes('CLIPTextModel') || classes.includes('CLIPTextModelWithProjection')) {
    return basename(path) === 'text_encoder_2' || classes.includes('CLIPTextModelWithProjection')
      ? 'text_encoder_2'
      : 'text_encoder'
  }
  if (classes.some((name) => typeof name === 'string')) return 'model'
  const name = componentOfNames(tensors)
  return isDenoiser(name) && networkKind(tensors) ? 'model' : name // a ControlNet has all layers of a UNet's first half
}

/** The network that tensors in diffusers' form belong to. */
export function componentOfNames(tensors: readonly Pick<StoredTensor, 'name'>[]): ComponentName {
  const names = new Set(tensors.map(({ name }) => unwrapped(name)))
  const has = (name: string) => names.has(name)
  const denoiser = DENOISERS.find(({ isIn }) => isIn(has))
  if (denoiser) return denoiser.component
  if (has('encoder.down_blocks.0.resnets.0.conv1.weight') && has('decoder.conv_in.weight')) return 'vae'
  const clip = has('text_model.embeddings.token_embedding.weight') || has('embeddings.token_embedding.weight')
  if (!clip || has('visual_projection.weight')) return 'model'
  return has('text_projection.weight') ? 'text_encoder_2' : 'text_encoder'
}
