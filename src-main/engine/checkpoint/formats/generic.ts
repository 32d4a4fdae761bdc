import { toComponent } from './diffusers-component'
import type { FileFormat } from './format'

/** Any other set of tensors (transformers, FLUX-like): one component, its names as they are. */
export const generic: FileFormat = {
  async open({ file, metadata, tensors }) {
    const { component, extras } = toComponent('model', { config: null, tensors })
    return {
      path: file.path,
      layout: 'generic',
      components: new Map([['model', component]]),
      extras,
      files: [file],
      metadata,
      problems: [],
      schedulerConfig: null,
    }
  },
}
