import type { Denoiser } from '../denoisers/denoiser'
import { isExtraName } from '../model/extras'
import { configBeside } from './config-beside'
import { nameUnder } from '../key-maps/wrappers'
import { componentOfNames } from './diffusers-component'
import { readComponent, type FileFormat } from './format'

/** A file that holds a denoiser alone: in diffusers' names or in others (LDM's), with or without a prefix. */
export function denoiserFile({
  component: name,
  className,
  fileLayout,
  fileSections,
  otherNamesTensor,
}: Denoiser): FileFormat {
  return {
    async open({ file, metadata, tensors }) {
      const own = tensors.filter(({ name }) => !isExtraName(name))
      const section = fileSections.find(({ prefix }) => own.every(({ name }) => nameUnder(prefix, name) !== undefined))!
      const named = own.map(({ name }) => ({ name: nameUnder(section.prefix, name) ?? name }))
      const isDiffusers = componentOfNames(named) === name
      if (!isDiffusers && !named.some(({ name }) => name === otherNamesTensor)) return undefined
      const { component, left } = readComponent(name, own, section)
      const none = { config: null, problems: [] }
      const { config, problems } = isDiffusers ? await configBeside(file.path, className) : none
      component.config = config
      return {
        path: file.path,
        layout: fileLayout,
        components: new Map([[name, component]]),
        extras: [...tensors.filter(({ name }) => isExtraName(name)), ...left],
        files: [file],
        metadata,
        problems,
        schedulerConfig: null,
      }
    },
  }
}
