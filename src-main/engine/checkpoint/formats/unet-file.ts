import { dirname, join } from 'node:path'
import { readJsonObject } from '../component-folder'
import { UNET_SECTION } from '../key-maps/single-file'
import { componentOfNames, toComponent } from './diffusers-component'
import { isExtraName, readComponent, type FileFormat, type OpenedParts } from './format'

/** A file that holds a UNet alone: in diffusers' names, or in LDM's with or without `model.diffusion_model.`. */
export const unetFile: FileFormat = {
  async open({ file, metadata, tensors }) {
    const own = tensors.filter(({ name }) => !isExtraName(name))
    const parts = (opened: Pick<OpenedParts, 'components' | 'extras'>): OpenedParts => ({
      path: file.path,
      layout: 'unet-file',
      ...opened,
      files: [file],
      metadata,
      problems: [],
      schedulerConfig: null,
    })
    if (componentOfNames(own) === 'unet') {
      const config = await readJsonObject(join(dirname(file.path), 'config.json')).catch(() => null)
      const { component, extras } = toComponent('unet', {
        config: config?._class_name === 'UNet2DConditionModel' ? config : null,
        tensors,
      })
      return parts({ components: new Map([['unet', component]]), extras })
    }
    const prefix = [UNET_SECTION.prefix, ''].find((start) => own.every(({ name }) => name.startsWith(start))) ?? ''
    if (!own.some(({ name }) => name === `${prefix}input_blocks.0.0.weight`)) return undefined
    const { component, left } = readComponent('unet', own, { prefix, naming: UNET_SECTION.naming })
    const extras = [...tensors.filter(({ name }) => isExtraName(name)), ...left]
    return parts({ components: new Map([['unet', component]]), extras })
  },
}
