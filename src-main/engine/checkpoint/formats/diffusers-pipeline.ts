import { join } from 'node:path'
import { isDenoiser } from '../../../contract/values/denoisers'
import { COMPONENTS } from '../../../contract/document/models'
import { FusionError } from '../../../contract/errors'
import { type Component, type ComponentName, type Problem, type OpenedParts } from '../model/checkpoint'
import { readComponentFolder, readOwnConfig } from './component-folder'
import { isThere } from '../../files/reading/regular-file'
import { toComponent } from './diffusers-component'
import type { FolderFormat } from './format'

/** Where a pipeline keeps a component; Stable Diffusion 3 and FLUX have a transformer in place of the UNet. */
export function folderOf(name: ComponentName): string {
  return name === 'model' ? 'transformer' : name
}

/** Where diffusers' training scripts keep averaged weights beside the UNet's own. */
const EMA_FOLDER = 'unet_ema'

/** A pipeline's folder: model_index.json and a folder for each component, or some of these folders alone. */
export const diffusersPipeline: FolderFormat = {
  async open(path, entries) {
    const present = COMPONENTS.filter((name) => entries.has(folderOf(name)))
    if (present.length === 0) return undefined
    const problems: Problem[] = []
    const components = new Map<ComponentName, Component>()
    const opened: Pick<OpenedParts, 'extras' | 'files' | 'metadata'> = { extras: [], files: [], metadata: {} }
    for (const name of present) {
      const folder = await readComponentFolder(join(path, folderOf(name)), path).catch((error: unknown) => {
        if (!(error instanceof FusionError) || error.kind !== 'unsupported' || isDenoiser(name)) throw error
        problems.push({ severity: 'error', message: error.message })
      })
      if (!folder) continue
      const { component, extras } = toComponent(name, folder)
      if (opened.files.length === 0) opened.metadata = folder.files[0]?.metadata ?? {}
      components.set(name, component)
      opened.extras.push(...extras)
      opened.files.push(...folder.files.map(({ file }) => file))
      problems.push(...folder.problems)
    }
    if (components.size === 0) return undefined
    if (entries.has('model_index.json')) problems.push(...(await missingComponents(path, components)))
    else
      problems.push({
        severity: 'warning',
        message: `${path} has no model_index.json: it is a part of a pipeline.`,
        isOfModelAlone: true,
      })
    if (entries.has('unet') && entries.has(EMA_FOLDER))
      problems.push({
        severity: 'warning',
        message: `${path} has EMA copies of its UNet's weights in ${EMA_FOLDER}, which are not used. To use them, give ${join(path, EMA_FOLDER)} as the model.`,
      })
    const schedulerFile = join(path, 'scheduler', 'scheduler_config.json')
    const schedulerConfig = isThere(schedulerFile)
      ? await readOwnConfig(schedulerFile, path).catch((error: unknown) => {
          if (!(error instanceof FusionError)) throw error
          problems.push({ severity: 'warning', message: error.message })
          return null
        })
      : null
    return { path, layout: 'diffusers-pipeline', components, ...opened, problems, schedulerConfig }
  },
}

/** Components that model_index.json lists with a class and that have no weights here. */
async function missingComponents(path: string, components: ReadonlyMap<ComponentName, Component>): Promise<Problem[]> {
  const index = await readOwnConfig(join(path, 'model_index.json'), path)
  return COMPONENTS.flatMap((name): Problem[] => {
    const entry = index[folderOf(name)]
    if (!Array.isArray(entry) || typeof entry[1] !== 'string' || components.has(name)) return []
    return [
      { severity: 'error', message: `${path} has no weights in ${folderOf(name)}, which model_index.json lists.` },
    ]
  })
}
