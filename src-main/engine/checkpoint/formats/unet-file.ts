import { isExtraName } from '../model/extras'
import { UNET_SECTIONS } from '../key-maps/single-file'
import { configBeside } from './config-beside'
import { componentOfNames } from './diffusers-component'
import { readComponent, type FileFormat } from './format'

/** A file that holds a UNet alone: in diffusers' names or in LDM's, with or without a prefix. */
export const unetFile: FileFormat = {
  async open({ file, metadata, tensors }) {
    const own = tensors.filter(({ name }) => !isExtraName(name))
    const section = UNET_SECTIONS.find(({ prefix }) => own.every(({ name }) => name.startsWith(prefix)))!
    const named = own.map(({ name }) => ({ name: name.slice(section.prefix.length) }))
    const isDiffusers = componentOfNames(named) === 'unet'
    if (!isDiffusers && !named.some(({ name }) => name === 'input_blocks.0.0.weight')) return undefined
    const { component, left } = readComponent('unet', own, section)
    const none = { config: null, problems: [] }
    const { config, problems } = isDiffusers ? await configBeside(file.path, 'UNet2DConditionModel') : none
    component.config = config
    return {
      path: file.path,
      layout: 'unet-file',
      components: new Map([['unet', component]]),
      extras: [...tensors.filter(({ name }) => isExtraName(name)), ...left],
      files: [file],
      metadata,
      problems,
      schedulerConfig: null,
    }
  },
}
