import { dirname, join } from 'node:path'
import { FusionError } from '../../../../contract/errors'
import type { OutputLayout, OutputType } from '../../../../contract/document/project'
import { folderOf } from '../../../checkpoint/formats/diffusers-pipeline'
import type { Checkpoint, Component, ComponentName, TensorView } from '../../../checkpoint/model/checkpoint'
import type { StoredTensor } from '../../../checkpoint/containers/container'
import { isDropped } from '../../../checkpoint/model/extras'
import { encodeHeader } from '../../../checkpoint/containers/safetensors-write'
import { diffusersTargets, singleFileTargets, storedTargets, type TargetTensor } from '../../../checkpoint/targets'
import { DENOISERS } from '../../../checkpoint/denoisers'
import { FP8, writtenType, type WrittenType } from './output-types'
import { sealed } from './seal'
import { BYTES_PER_ELEMENT, elementCount, type ElementType } from '../../../tensor/element-type'

/** A tensor's place in an output file. */
export interface OutputTensor {
  name: string
  elementType: ElementType
  shape: readonly number[]
  byteLength: number
  /** First byte in the data behind the header. */
  offset: number
}

/** A weights file to write. */
export interface OutputFile {
  /** Path relative to the output; '' where the output is this file. */
  path: string
  tensors: OutputTensor[]
  /** Tensors of the base that are copied byte for byte: schedules, EMA copies, markers. */
  extras: { stored: StoredTensor; target: OutputTensor }[]
  /** Tensors of zeros: markers that only have to be there. */
  zeros: OutputTensor[]
  dataBytes: number
}

/** Where the merged form of one canonical tensor goes: a run of elements of an output tensor. */
export interface Destination extends WrittenType {
  file: OutputFile
  /** First byte in the file's data. */
  offset: number
  /** True where the output holds the transpose (2-D). */
  transposed: boolean
  /** What the merged values are multiplied by before they are rounded. */
  gain: number
}

/** The files of an export, and where every canonical tensor of the base lies in them. */
export interface OutputFiles {
  /** Whether the output is a folder. */
  folder: boolean
  files: OutputFile[]
  /** By component and canonical name, `unet/conv_in.weight`. */
  destinations: Map<string, Destination>
  /** Extras of the base for which the layout has no place. */
  leftOut: StoredTensor[]
}

/** Where a pipeline keeps the weights of a component: diffusers' and transformers' names. */
function weightFile(name: ComponentName): string {
  const file = name.startsWith('text_encoder') ? 'model' : 'diffusion_pytorch_model'
  return `${folderOf(name)}/${file}.safetensors`
}

/** Key of a canonical tensor in `destinations`. */
export function tensorKey(component: ComponentName, name: string): string {
  return `${component}/${name}`
}

/** Whether a base in this layout is written as a folder. */
export function isFolderLayout(base: Checkpoint, layout: OutputLayout): boolean {
  if (layout !== 'same') return layout === 'diffusers'
  return base.layout === 'diffusers-pipeline' || base.layout === 'diffusers-component'
}

/**
 * Lays out the output of a merge: the base's tensors in the wanted layout and element type.
 * @param base with the components that the output shall have (another VAE already in place)
 * @throws FusionError 'unsupported' for a layout that the base's architecture does not have
 */
export function layOutFiles(base: Checkpoint, layout: OutputLayout, dtype: OutputType): OutputFiles {
  const destinations = new Map<string, Destination>()
  const kept = base.extras.filter((extra) => !isDropped(extra))
  const place = (path: string, targets: readonly TargetTensor[], extras: readonly StoredTensor[]): OutputFile =>
    placeTensors(base, path, targets, extras, dtype, destinations)
  if (isFolderLayout(base, layout)) {
    checkFolder(base)
    const single = base.layout === 'diffusers-component'
    const files = [...base.components.values()].map((component) => {
      const path = single ? weightFile(component.name).split('/')[1]! : weightFile(component.name)
      return place(path, diffusersTargets(component), extrasBeside(base, component))
    })
    const placed = new Set(files.flatMap(({ extras }) => extras.map(({ stored }) => stored)))
    // What the markers say goes into scheduler_config.json.
    const leftOut = kept.filter((extra) => !placed.has(extra) && !PREDICTION_MARKERS.includes(extra.name))
    return { folder: true, files, destinations, leftOut }
  }
  const keepsNames = layout === 'same' && base.layout !== 'single-file'
  const targets = keepsNames
    ? [...base.components.values()].flatMap(storedTargets)
    : singleFileTargets(base, layout === 'single-file')
  const taken = new Set(targets.map(({ name }) => name))
  const unsaid = base.stated.chosen && base.predictionType !== 'v_prediction' ? PREDICTION_MARKERS : []
  const extras = kept.filter(({ name }) => !taken.has(name) && !unsaid.includes(name))
  const file = place('', targets, extras)
  addMarkers(file, base)
  return {
    folder: false,
    files: [file],
    destinations,
    leftOut: kept.filter(({ name }) => taken.has(name)),
  }
}

/**
 * Empty tensors by which programs that read no scheduler_config.json tell what a single file predicts (ComfyUI, Forge,
 * A1111: only the name counts): v, and a training that ended at no signal.
 */
const PREDICTION_MARKERS = ['v_pred', 'ztsnr']

function addMarkers(file: OutputFile, { predictionType, stated }: Checkpoint): void {
  if (predictionType !== 'v_prediction') return
  for (const name of stated.zeroTerminalSnr ? PREDICTION_MARKERS : PREDICTION_MARKERS.slice(0, 1)) {
    if (file.tensors.some((tensor) => tensor.name === name)) continue
    file.tensors.push({ name, elementType: 'F32', shape: [0], byteLength: 0, offset: file.dataBytes })
  }
}

/** Configs and a scheduler can be made up only for architectures that are known. */
function checkFolder(base: Checkpoint): void {
  const { path, architecture, components } = base
  const hasConfigs = [...components.values()].every(({ config }) => config !== null)
  if (isFolderLayout(base, 'same') || (architecture !== 'unknown' && hasConfigs)) return
  throw new FusionError('unsupported', `${path} cannot be written as a diffusers folder: its kind is not known.`, {
    hint: 'Write it in its own layout (--layout same).',
  })
}

/** Extras that lie in the files of a component of a folder. */
function extrasBeside(base: Checkpoint, component: Component): StoredTensor[] {
  if (!isFolderLayout(base, 'same')) return []
  const folders = new Set([...component.tensors.values()].map(({ stored }) => dirname(stored.path)))
  return base.extras.filter((extra) => !isDropped(extra) && folders.has(dirname(extra.path)))
}

function placeTensors(
  base: Checkpoint,
  path: string,
  targets: readonly TargetTensor[],
  extras: readonly StoredTensor[],
  dtype: OutputType,
  destinations: Map<string, Destination>,
): OutputFile {
  const file: OutputFile = { path, tensors: [], extras: [], zeros: [], dataBytes: 0 }
  const append = (name: string, elementType: ElementType, shape: readonly number[]): OutputTensor => {
    const byteLength = elementCount(shape) * BYTES_PER_ELEMENT[elementType]
    const tensor = { name, elementType, shape, byteLength, offset: file.dataBytes }
    file.tensors.push(tensor)
    file.dataBytes += byteLength
    return tensor
  }
  const scaledNames: string[] = []
  for (const { name, shape, parts } of targets) {
    const first = parts[0]!
    const view = viewOf(base, first.component, first.name)
    const { elementType, scaled } = writtenType(view, first.component, shape, dtype)
    const tensor = append(name, elementType, shape)
    if (scaled) {
      append(name.replace(/weight$/, 'scale_weight'), 'F32', []) // behind its codes (jobs/tensor-output.ts)
      scaledNames.push(name)
    }
    for (const part of parts) {
      destinations.set(tensorKey(part.component, part.name), {
        file,
        elementType,
        scaled,
        offset: tensor.offset + part.start * BYTES_PER_ELEMENT[elementType],
        transposed: part.transposed,
        gain: 1,
      })
    }
  }
  for (const stored of extras) {
    file.extras.push({ stored, target: append(stored.name, stored.elementType, stored.shape) })
  }
  if (scaledNames.length > 0) file.zeros.push(append(markerOf(scaledNames), FP8, MARKER_SHAPE))
  return file
}

/**
 * ComfyUI's mark of a network whose weights have scales, in its oldest form, which all its versions read. Of two elements:
 * that its layers multiply in full precision, as these weights mean it.
 */
const MARKER_SHAPE = [2]

/** The mark stands beside the network's first modules. */
function markerOf(names: readonly string[]): string {
  const prefixes = DENOISERS.flatMap(({ fileSections }) => fileSections.map(({ prefix }) => prefix))
  const prefix = prefixes.find((one) => names.every((name) => name.startsWith(one)))
  return `${prefix ?? ''}scaled_fp8`
}

/** @throws FusionError 'internal' for a tensor that the base does not have */
export function viewOf(checkpoint: Checkpoint, component: ComponentName, name: string): TensorView {
  const view = checkpoint.components.get(component)?.tensors.get(name)
  if (!view) throw new FusionError('internal', `${checkpoint.path} has no tensor ${name} in ${component}.`)
  return view
}

/** Bytes that the weights files take, headers included. */
export function outputBytes({ files }: OutputFiles, metadata: Readonly<Record<string, string>>): number {
  return files.reduce(
    (sum, file) => sum + file.dataBytes + encodeHeader(file.tensors, sealed(metadata, file.tensors)).byteLength,
    0,
  )
}

/** Absolute path of an output file. */
export function outputPath(root: string, file: OutputFile): string {
  return file.path === '' ? root : join(root, file.path)
}
