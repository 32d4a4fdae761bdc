import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { FusionError } from '../../contract/errors'
import type { Reading } from '../../contract/document/project'
import { COMPONENTS } from '../../contract/document/models'
import { requireRegularFile } from '../files/reading/regular-file'
import { type Checkpoint, type CheckpointKind, type ComponentName, type OpenedParts } from './model/checkpoint'
import { leftAside, listFolder } from './formats/component-folder'
import { unreadable } from '../files/reading/file-errors'
import { diffusersComponent } from './formats/diffusers-component'
import { diffusersPipeline } from './formats/diffusers-pipeline'
import type { FileFormat, FolderFormat } from './formats/format'
import { generic } from './formats/generic'
import { singleFile } from './formats/single-file'
import { denoiserFile } from './formats/denoiser-file'
import { DENOISERS } from './denoisers'
import { vaeFile } from './formats/vae-file'
import { emaCopies, withEma } from './ema'
import { identify } from './identify/identify'
import { inferConfig } from './identify/infer-config'
import { refuseQuantised } from './kinds/quantised'
import { kindOf, networkKind, refuseAdapter, TEXT_ENCODER_KIND } from './kinds/tensor-kinds'
import { withPrediction } from './identify/prediction'
import { openContainer, openWeights } from './containers/open-container'
import { missingProjection } from './text-projection'

const FOLDER_FORMATS: FolderFormat[] = [diffusersPipeline, diffusersComponent]
/** Weights that are no model, by the names that programs give them. */
const OTHER_WEIGHTS = /\.safetensors$|^(?:adapter_model|pytorch_lora_weights|learned_embeds)[\w.-]*\.bin$/
const FILE_FORMATS: FileFormat[] = [...DENOISERS.map(denoiserFile), vaeFile, singleFile, generic]

/**
 * Opens a checkpoint from its headers and configs; no weight is read. Components without a config.json get one inferred
 * from their shapes.
 *
 * @param path a pipeline's folder, a component's folder, or a file (safetensors, PyTorch)
 * @param reading what its UNet predicts, where its file does not say it, or says it wrongly; whether EMA copies in its
 * file take the place of the UNet's weights
 * @throws FusionError 'not-found', 'unreadable', 'malformed', 'unsupported' (adapters, quantised models …)
 */
export async function openCheckpoint(path: string, { prediction, ema }: Reading = {}): Promise<Checkpoint> {
  const absolute = resolve(path)
  const entry = await stat(absolute).catch((cause: unknown) => {
    throw unreadable(absolute, cause)
  })
  if (!entry.isDirectory()) requireRegularFile(absolute, entry)
  const { schedulerConfig, ...opened } = await (entry.isDirectory() ? openFolder(absolute) : openFile(absolute))
  refuseQuantised(opened)
  const copies = emaCopies(opened)
  const usesEma = ema === 'use' && copies.size > 0
  const parts = usesEma ? withEma(opened, copies) : opened
  const stored = [...parts.components.values()].flatMap(({ tensors }) =>
    [...tensors.values()].map((view) => view.stored),
  )
  refuseAdapter(absolute, [...new Set(stored), ...parts.extras])
  const found = identify({ ...parts, schedulerConfig })
  const identified = prediction === undefined ? found : withPrediction(found, prediction)
  const pooledWidth = parts.components.get('text_encoder_2')?.tensors.get('text_projection.weight')?.shape[0]
  for (const component of parts.components.values()) {
    if (component.config !== null) continue
    component.config = inferConfig(component, identified.architecture, pooledWidth)
    component.isConfigInferred = true
  }
  const components = new Map([...parts.components].sort(([a], [b]) => orderOf(a) - orderOf(b)))
  const kind = kindOf(parts)
  const problems = [...parts.problems]
  const projection = missingProjection(parts)
  if (projection !== undefined) problems.push({ severity: 'warning', message: projection })
  if (kind && components.has('model')) {
    problems.push({ severity: 'warning', message: `${absolute} is ${kind.title}. ${kind.advice}` })
  }
  return { ...parts, components, ...identified, problems, kind, emaCopies: copies.size, usesEma }
}

function orderOf(name: ComponentName): number {
  return COMPONENTS.indexOf(name)
}

async function openFolder(path: string): Promise<OpenedParts> {
  const entries = await listFolder(path)
  for (const format of FOLDER_FORMATS) {
    const parts = await format.open(path, entries)
    if (parts) return parts
  }
  await refuseAdapterIn(path, entries)
  throw new FusionError('unsupported', `${path} holds no model that can be read.`, {
    hint: 'Choose a diffusers folder (with model_index.json, unet/ or config.json and weights), or a file.',
  })
}

/** A folder of files that are no model (PEFT's adapters, learned words) is refused by what they are. */
async function refuseAdapterIn(path: string, entries: ReadonlySet<string>): Promise<void> {
  const name = [...entries].sort().find((entry) => OTHER_WEIGHTS.test(entry))
  if (name === undefined) return
  const file = join(path, name)
  refuseAdapter(file, (await openContainer(file)).tensors)
  throw new FusionError('unsupported', `${path} is not a folder of a model.`, {
    hint: `Choose the file in it: ${name}.`,
  })
}

/** A network that is no part of Stable Diffusion is a mere set of tensors; a text encoder may be a part of it. */
function formatsFor(kind: CheckpointKind | undefined): FileFormat[] {
  if (!kind) return FILE_FORMATS
  return kind === TEXT_ENCODER_KIND ? [singleFile, generic] : [generic]
}

async function openFile(path: string): Promise<OpenedParts> {
  const file = await openWeights(path)
  for (const format of formatsFor(networkKind(file.tensors))) {
    const parts = await format.open(file)
    if (parts) return { ...parts, problems: [...leftAside(file), ...parts.problems] }
  }
  throw new FusionError('internal', `No format took ${path}.`)
}
