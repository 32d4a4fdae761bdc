import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { FusionError } from '../../contract/errors'
import { COMPONENT_NAMES, type Checkpoint, type ComponentName, type PredictionType } from './checkpoint'
import { listFolder } from './component-folder'
import { unreadable } from './file-errors'
import { diffusersComponent } from './formats/diffusers-component'
import { diffusersPipeline } from './formats/diffusers-pipeline'
import type { FileFormat, FolderFormat, OpenedParts } from './formats/format'
import { generic } from './formats/generic'
import { refuseOtherFile, refuseTensors } from './formats/refused'
import { singleFile } from './formats/single-file'
import { unetFile } from './formats/unet-file'
import { vaeFile } from './formats/vae-file'
import { identify } from './identify'
import { inferConfig } from './infer-config'
import { withPrediction } from './prediction'
import { readSafetensors } from './safetensors'

const FOLDER_FORMATS: FolderFormat[] = [diffusersPipeline, diffusersComponent]
const FILE_FORMATS: FileFormat[] = [unetFile, vaeFile, singleFile, generic]

/**
 * Opens a checkpoint from its headers and configs; no weight is read. Components without a config.json get one inferred
 * from their shapes.
 *
 * @param path a pipeline's folder, a component's folder, or a safetensors file
 * @param prediction what its UNet predicts, where its file does not say it, or says it wrongly
 * @throws FusionError 'not-found', 'unreadable', 'malformed', 'unsupported' (pickles, LoRA, scaled fp8, F4 …)
 */
export async function openCheckpoint(path: string, prediction?: PredictionType): Promise<Checkpoint> {
  const absolute = resolve(path)
  const entry = await stat(absolute).catch((cause: unknown) => {
    throw unreadable(absolute, cause)
  })
  if (!entry.isDirectory() && !entry.isFile()) {
    throw new FusionError('unsupported', `${absolute} is neither a file nor a folder.`)
  }
  const { schedulerConfig, ...parts } = await (entry.isDirectory() ? openFolder(absolute) : openFile(absolute))
  refuseTensors(absolute, parts)
  const found = identify({ ...parts, schedulerConfig })
  const identified = prediction === undefined ? found : withPrediction(found, prediction)
  for (const component of parts.components.values()) {
    if (component.config !== null) continue
    component.config = inferConfig(component, identified.architecture)
    component.isConfigInferred = true
  }
  const components = new Map([...parts.components].sort(([a], [b]) => orderOf(a) - orderOf(b)))
  return { ...parts, components, ...identified }
}

function orderOf(name: ComponentName): number {
  return COMPONENT_NAMES.indexOf(name)
}

async function openFolder(path: string): Promise<OpenedParts> {
  const entries = await listFolder(path)
  for (const format of FOLDER_FORMATS) {
    const parts = await format.open(path, entries)
    if (parts) return parts
  }
  throw new FusionError('unsupported', `${path} holds no model that can be read.`, {
    hint: 'Choose a diffusers folder (with model_index.json, unet/ or config.json and .safetensors), or a file.',
  })
}

async function openFile(path: string): Promise<OpenedParts> {
  await refuseOtherFile(path)
  const file = await readSafetensors(path)
  for (const format of FILE_FORMATS) {
    const parts = await format.open(file)
    if (parts) return parts
  }
  throw new FusionError('internal', `No format took ${path}.`)
}
