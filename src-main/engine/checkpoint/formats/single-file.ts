import { ARCHITECTURES } from '../identify/architectures'
import { isDenoiser } from '../../../contract/values/denoisers'
import type { Component, ComponentName, Problem } from '../model/checkpoint'
import type { StoredTensor } from '../containers/container'
import { architectureOf } from '../identify/identify'
import { foundSections } from '../key-maps/found-sections'
import { SECTIONS, type Section } from '../key-maps/single-file'
import { readComponent, type FileFormat } from './format'

/** A single file: Stable Diffusion 1.x, 2.x, SDXL base and refiner, in LDM's names or those of other programs. */
export const singleFile: FileFormat = {
  async open({ file, metadata, tensors }) {
    const components = new Map<ComponentName, Component>()
    const problems: Problem[] = []
    const used = new Set<StoredTensor>()
    const prefixes = new Set<string>()
    const read = ({ component: name, prefix, naming }: Section): void => {
      const own = tensors.filter((tensor) => tensor.name.startsWith(prefix))
      if (own.length === 0 || prefixes.has(prefix)) return
      const { component, left } = readComponent(name, own, { prefix, naming })
      if (component.tensors.size === 0) return
      prefixes.add(prefix)
      if (components.has(name)) {
        const message = `${file.path} holds a second ${name} (${prefix}), which is not this model's: it is left aside.`
        problems.push({ severity: 'warning', message })
        return
      }
      components.set(name, component)
      const unknown = new Set(left)
      for (const tensor of own) if (!unknown.has(tensor)) used.add(tensor)
    }
    const others = SECTIONS.filter(({ component }) => !isDenoiser(component))
    SECTIONS.filter(({ component }) => isDenoiser(component)).forEach(read)
    // Of two text encoders the one counts that the architecture's own files have.
    const own = ARCHITECTURES[architectureOf(components)].sections
    others.filter((section) => own.includes(section)).forEach(read)
    others.filter((section) => !own.includes(section)).forEach(read)
    const shapes = new Map(tensors.map((tensor) => [tensor.name, tensor.shape]))
    const hasSecond = own.length > 0 ? own.some(({ component }) => component === 'text_encoder_2') : undefined
    foundSections(shapes, hasSecond).forEach(read)
    if (components.size === 0) return undefined
    const extras = tensors.filter((tensor) => !used.has(tensor))
    return {
      path: file.path,
      layout: 'single-file',
      components,
      extras,
      files: [file],
      metadata,
      problems,
      schedulerConfig: null,
    }
  },
}
