import { ARCHITECTURES } from '../identify/architectures'
import { isDenoiser } from '../../../contract/values/denoisers'
import type { Component, ComponentName, Problem } from '../model/checkpoint'
import type { StoredTensor } from '../containers/container'
import { architectureOf } from '../identify/identify'
import { foundSections } from '../key-maps/found-sections'
import { SECTIONS, type Section } from '../key-maps/single-file'
import { unwrapped } from '../key-maps/wrappers'
import { isEmaName } from '../model/extras'
import { readComponent, type FileFormat } from './format'

/** A single file: Stable Diffusion 1.x, 2.x, SDXL base and refiner, in LDM's names or those of other programs. */
export const singleFile: FileFormat = {
  async open({ file, metadata, tensors }) {
    const components = new Map<ComponentName, Component>()
    const problems: Problem[] = []
    const used = new Set<StoredTensor>()
    /** Of networks that the model has already: beside a merge of these they would be stale. */
    const second = new Set<StoredTensor>()
    const prefixes = new Set<string>()
    const names = new Map(tensors.map((tensor) => [tensor, unwrapped(tensor.name)]))
    const read = ({ component: name, prefix, naming }: Section): void => {
      const own = tensors.filter((tensor) => !used.has(tensor) && names.get(tensor)!.startsWith(prefix))
      if (own.length === 0 || prefixes.has(prefix)) return
      const { component, left } = readComponent(name, own, { prefix, naming })
      if (component.tensors.size === 0) return
      prefixes.add(prefix)
      const unknown = new Set(left)
      const known = own.filter((tensor) => !unknown.has(tensor))
      if (!components.has(name)) {
        components.set(name, component)
        for (const tensor of known) used.add(tensor)
      } else if (!isEmaName(prefix)) {
        const message = `${file.path} holds a second ${name} (${prefix}*; ${known.length} tensors), which is not this model's: it is left out.`
        problems.push({ severity: 'warning', message })
        for (const tensor of known) second.add(tensor)
      }
    }
    const others = SECTIONS.filter(({ component }) => !isDenoiser(component))
    SECTIONS.filter(({ component }) => isDenoiser(component)).forEach(read)
    // Of two text encoders the one counts that the architecture's own files have.
    const own = ARCHITECTURES[architectureOf(components)].sections
    others.filter((section) => own.includes(section)).forEach(read)
    others.filter((section) => !own.includes(section)).forEach(read)
    const shapes = new Map(tensors.map((tensor) => [names.get(tensor)!, tensor.shape]))
    const hasSecond = own.length > 0 ? own.some(({ component }) => component === 'text_encoder_2') : undefined
    const found = foundSections(shapes, hasSecond)
    found.filter(({ prefix }) => !isEmaName(prefix)).forEach(read)
    found.filter(({ prefix }) => isEmaName(prefix)).forEach(read)
    if (components.size === 0) return undefined
    const extras = tensors.filter((tensor) => !used.has(tensor) && !second.has(tensor))
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
