import type { Component, ComponentName, Problem, StoredTensor } from '../checkpoint'
import { SECTIONS } from '../key-maps/single-file'
import { readComponent, type FileFormat } from './format'

/** A single file in LDM naming: Stable Diffusion 1.x, 2.x, SDXL base and refiner. */
export const singleFile: FileFormat = {
  async open({ file, metadata, tensors }) {
    const components = new Map<ComponentName, Component>()
    const problems: Problem[] = []
    const used = new Set<StoredTensor>()
    for (const { component: name, prefix, naming } of SECTIONS) {
      const own = tensors.filter((tensor) => tensor.name.startsWith(prefix))
      if (own.length === 0) continue
      const { component, left } = readComponent(name, own, { prefix, naming })
      if (component.tensors.size === 0) continue
      if (components.has(name)) {
        problems.push({
          severity: 'warning',
          message: `${file.path} holds a second ${name} (${prefix}); it is copied.`,
        })
        continue
      }
      components.set(name, component)
      const unknown = new Set(left)
      for (const tensor of own) if (!unknown.has(tensor)) used.add(tensor)
    }
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
