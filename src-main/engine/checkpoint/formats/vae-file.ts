import { VAE_SECTION } from '../key-maps/single-file'
import { unwrapped } from '../key-maps/wrappers'
import { configBeside } from './config-beside'
import { componentOfNames, toComponent } from './diffusers-component'
import { readComponent, type FileFormat } from './format'

/** A file that holds a VAE alone: in diffusers' names, or in LDM's without prefix, as `--vae` takes. */
export const vaeFile: FileFormat = {
  async open({ file, metadata, tensors }) {
    const ldm = tensors.some(({ name }) => unwrapped(name) === 'encoder.down.0.block.0.conv1.weight')
    if (!ldm && componentOfNames(tensors) !== 'vae') return undefined
    const { component, extras } = ldm
      ? ((read) => ({ component: read.component, extras: read.left }))(
          readComponent('vae', tensors, { prefix: '', naming: VAE_SECTION.naming }),
        )
      : toComponent('vae', { config: null, tensors })
    const { config, problems } = await configBeside(file.path, 'AutoencoderKL')
    if (config) component.config = config
    return {
      path: file.path,
      layout: 'vae-file',
      components: new Map([['vae', component]]),
      extras,
      files: [file],
      metadata,
      problems,
      schedulerConfig: null,
    }
  },
}
