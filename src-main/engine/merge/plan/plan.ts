import { resolve } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { figure } from '../../../contract/values/figures'
import { gainOf, weightOf } from '../../../contract/document/blocks/layer-patterns'
import { primaryModel, weighsBase } from '../../../contract/methods/descriptor'
import { negativeWeight, wrongCount, type Impossible } from '../../../contract/methods/impossible'
import { alignModels, type AlignListener } from '../alignment/align-models'
import { CALIBRATE_HINT, openCalibration, type Calibration } from './calibration/calibration-file'
import {
  readingOf,
  needsCalibration,
  type AdapterStrengths,
  type MethodSettings,
  type ModelEntry,
  type OutputSettings,
  type Project,
  type Reading,
} from '../../../contract/document/project'
import type { Checkpoint, Component, ComponentName, TensorView } from '../../checkpoint/model/checkpoint'
import { compareCheckpoints } from '../../checkpoint/compare'
import { groupExtras, groupInWords, isMarker } from '../../checkpoint/model/extras'
import { isWidened, widenFirstLayer } from '../../checkpoint/input-channels'
import { isMergeable } from '../../checkpoint/mergeable'
import { tensorNames } from '../../checkpoint/tensor-names'
import { isFloatType } from '../../tensor/element-type'
import { baseWithVae } from './baked-vae'
import { Blocks } from './blocks'
import { layersOf, type Layer } from './layers'
import type { LayerTask, MergePlan, OpenedModels, PlannedModel, TensorTask } from './merge-plan'
import { methodNamed } from '../methods/index'
import { mergesLayers, type MergeMethod } from '../methods/method'
import { soup } from '../methods/soup'
import { lostSettings } from './export/lost-settings'
import { notesOn } from './notes'
import {
  isFolderLayout,
  layOutFiles,
  tensorKey,
  viewOf,
  type Destination,
  type OutputFiles,
} from './export/output-files'
import { inShards } from './export/shards'
import { zipModels } from './export/zip-plan'
import { checkGains, checkLayerKinds, checkWeightRules, unusedSettings, unusedWeights } from './rules'
import { isDenoiser } from '../../../contract/values/denoisers'

/** What opening a specialist needs beside its path. */
export interface SpecialistOptions extends Reading {
  /** Of an adapter; absent: 1. */
  strengths?: AdapterStrengths | undefined
}

export interface PlanOptions extends AlignListener {
  /** Whether the project is its base alone, which is written in another form. */
  isConversion?: boolean
}

/** Opens what a project names (open-model.ts): a model may itself be a project, which is planned here. */
export interface ModelOpener {
  open(path: string, reading?: Reading): Promise<Checkpoint>
  openSpecialist(path: string, base: () => Promise<Checkpoint>, options: SpecialistOptions): Promise<Checkpoint>
}

/**
 * Opens the models of a project that take part, from headers alone, unless they are to be aligned.
 * @throws FusionError 'incompatible' with every reason, 'validation', and whatever opening and aligning a model throws
 */
export async function openModelsWith(
  opener: ModelOpener,
  project: Project,
  { isConversion = false, ...listener }: PlanOptions = {},
): Promise<OpenedModels> {
  const method = methodNamed(project.method.name)
  const entries = project.models.filter((entry, index) => index === 0 || entry.enabled || method.kind === 'fusion')
  if (!isConversion) checkEntries(project, method, entries)
  refuseCalibrated(project.method)
  const opening = opener.open(entries[0]!.path, readingOf(project))
  // At once: a slider's answer waits for them.
  const opened = await Promise.all(
    entries.map(async (entry, index): Promise<PlannedModel | null> => {
      if (index === 0) return { entry, checkpoint: await opening }
      const { path, strengths } = entry
      const specialist = opener.openSpecialist(path, () => opening, { ...readingOf(project), strengths })
      // One that was left out because it cannot be opened keeps the others from nothing.
      const checkpoint = await (entry.enabled ? specialist : specialist.catch(() => null))
      return checkpoint && { entry, checkpoint }
    }),
  )
  const given = opened.filter((model) => model !== null)
  const [{ checkpoint: first }] = given as [PlannedModel]
  const components = isConversion ? [...first.components.keys()] : includedComponents(first, project.output)
  const base = await baseWithVae(opener, primaryOf(method, given, components), project.output)
  const models = given
    .map(({ entry, checkpoint }) => ({ entry, checkpoint: widenFirstLayer(checkpoint, base) }))
    .filter(({ entry, checkpoint }, index) => index === 0 || entry.enabled || fits(base, checkpoint, components))
  checkLayerKinds({ base, components }, project.method)
  const calibration = await calibrationOf(project, method)
  const warnings = checkCompatible(base, models, components)
  if (calibration && !calibration.checked)
    warnings.push(`${calibration.file.path} has no checksums: damage cannot be detected. ${CALIBRATE_HINT}`)
  const parts = { method, models, base, components, calibration, warnings }
  if (method.name === 'zipit') return zipModels(parts, calibration!, project.method, listener)
  if (!project.method.align || models.length === 1) return parts
  const aligned = await alignModels(models, components, listener)
  return { ...parts, models: aligned.models, warnings: [...warnings, ...aligned.notes] }
}

/** @throws FusionError 'unsupported' where real inputs are taken, which have the units in the order of the files */
function refuseCalibrated(settings: MethodSettings): void {
  if (!settings.align || !needsCalibration(settings)) return
  throw new FusionError('unsupported', 'A merge that takes real inputs of the layers cannot align its models.', {
    hint:
      'Turn alignment off. Or write every aligned specialist first (weighted sum with t = 1, aligned), calibrate these, ' +
      'and merge them.',
  })
}

/**
 * Opens the models of a project and plans their merge from headers alone, unless they are to be aligned.
 * @throws FusionError 'incompatible' with every reason, 'validation', and whatever opening and aligning a model throws
 */
export async function planMergeWith(
  opener: ModelOpener,
  project: Project,
  options: PlanOptions = {},
): Promise<MergePlan> {
  const opened = await openModelsWith(opener, project, options)
  const { models, base, components, calibration, warnings } = opened
  const { output } = project
  const files = inShards(layOutFiles(base, output.layout, output.dtype), output.shardBytes)
  if (output.shardBytes !== undefined && !files.folder)
    warnings.push('Only the files of a folder are divided into shards: the single file is written whole.')
  if (files.leftOut.length > 0) {
    const groups = groupExtras(files.leftOut).map(groupInWords)
    warnings.push(`The new layout cannot hold ${groups.join(', ')} of the base.`)
  }
  if (!files.folder) warnings.push(...lostSettings(base))
  warnings.push(...scalesInOtherNames(files), ...notesOn({ ...opened, project }))
  if (files.folder && !isFolderLayout(base, 'same') && base.predictionType === null) {
    warnings.push(
      `${base.path} does not say what it predicts. Say --prediction epsilon or v_prediction: it becomes prediction_type.`,
    )
  }
  const { result } = opened.method
  if (result.kind === 'average' && result.base === 'rest') {
    const sum = models.slice(1).reduce((total, { entry }) => total + entry.weight, 0)
    if (sum > 1)
      warnings.push(`The specialists' weights add up to ${figure(sum)}: the base's share is ${figure(1 - sum)}.`)
  }
  const blocks = Blocks.of(base)
  const entries = models.map(({ entry }) => entry)
  checkWeightRules(entries, opened, project.method)
  checkGains(opened, project.method)
  warnings.push(...unusedWeights(entries, opened.method), ...unusedSettings(project.method, opened.method))
  const tasks = [...base.components.values()].flatMap((component) => {
    const merged = components.includes(component.name) ? models : [{ ...models[0]!, checkpoint: base }]
    return tasksOf(project, opened, component, merged, blocks, files)
  })
  if (calibration && components.some((name) => !isDenoiser(name)))
    warnings.push('The calibration file has inputs of the UNet only: other parts are merged without it.')
  return { ...opened, project, blocks: blocks.labels, output: files, tasks }
}

/** Scales of a UNet's layers under diffusers' names, which no program reads. */
const SCALE_IN_DIFFUSERS_NAMES = /(?:^|\.)(?:(?:down|up)_blocks\.\d+|mid_block)\..*\.scale_weight$/

function scalesInOtherNames({ files }: OutputFiles): string[] {
  const isFound = files.some(({ tensors }) => tensors.some(({ name }) => SCALE_IN_DIFFUSERS_NAMES.test(name)))
  return isFound
    ? [
        "fp8 with scales is read by ComfyUI, but under the names of single files, not diffusers': use --layout single-file.",
      ]
    : []
}

function checkEntries(project: Project, method: MergeMethod, entries: readonly ModelEntry[]): void {
  if (project.models.length === 0) {
    throw new FusionError('validation', 'The project has no models.', {
      hint: 'Add a base and at least one specialist.',
    })
  }
  refuse(wrongCount(method, entries.length - 1))
  const names = new Set<string>()
  const paths = new Map<string, string>()
  for (const { name, path } of entries) {
    if (names.has(name)) throw new FusionError('validation', `Two models are named ${name}.`, { hint: 'Rename one.' })
    names.add(name)
    const twin = paths.get(resolve(path))
    if (twin !== undefined) {
      throw new FusionError('validation', `${name} and ${twin} are the same path: ${path}.`, {
        hint: 'Give the model once, with a larger weight.',
      })
    }
    paths.set(resolve(path), name)
  }
  for (const entry of entries) refuse(negativeWeight(method, entry))
}

function refuse(impossible: Impossible | null): void {
  if (impossible) throw new FusionError('validation', impossible.message, { hint: impossible.hint })
}

/** @throws FusionError 'validation' where the method needs a calibration and the project names none */
async function calibrationOf(project: Project, method: MergeMethod): Promise<Calibration | null> {
  const { calibration } = project.method
  if (!needsCalibration(project.method)) return null
  if (calibration !== undefined) return openCalibration(calibration)
  const what = method.kind === 'fusion' ? 'Calibrated statistics take' : `${method.title} takes`
  throw new FusionError('validation', `${what} real inputs of the models' layers: no file with them is named.`, {
    hint: 'Collect calibration data: in Tune, or with featurefusion calibrate and --calibration FILE.',
  })
}

const OTHER_MODELS = 'Merge only models of one architecture, or leave the parts that differ out with --include.'

/** @returns what is said of models that fit @throws FusionError 'incompatible' for models that do not */
export function checkCompatible(
  base: Checkpoint,
  models: readonly Pick<PlannedModel, 'checkpoint'>[],
  components: ComponentName[],
): string[] {
  const others = models.map(({ checkpoint }) => checkpoint).filter(({ path }) => path !== base.path)
  const found = compareCheckpoints(base, others, components)
  const errors = found.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) {
    // Of another family nearly every tensor differs: the family says it all.
    const family = errors.filter(({ kind }) => kind === 'family')
    const told = family.length > 0 ? family : errors
    const hints = [...new Set(told.flatMap(({ hint }) => hint ?? []))]
    throw new FusionError('incompatible', told.map(({ message }) => message).join(' '), {
      detail: errors
        .flatMap(({ tensors }) => tensors)
        .map(({ name, base: ours, other }) => `${name}: base ${shapeText(ours)}, other ${shapeText(other)}`)
        .join('\n'),
      hint: hints.length > 0 ? hints.join(' ') : OTHER_MODELS,
    })
  }
  return found.map(({ message }) => message)
}

function fits(base: Checkpoint, other: Checkpoint, components: readonly ComponentName[]): boolean {
  return compareCheckpoints(base, [other], components).every(({ severity }) => severity !== 'error')
}

function shapeText(shape: readonly number[] | null): string {
  return shape ? `[${shape.join(', ')}]` : 'has none'
}

/** The checkpoint that gives everything that is not merged. */
function primaryOf(method: MergeMethod, models: readonly PlannedModel[], merged: readonly ComponentName[]): Checkpoint {
  const primary = primaryModel(method)
  const base = models[0]!.checkpoint
  const other = models[primary]!.checkpoint
  const isWhole = other.adapted === undefined && [...base.components.keys()].every((name) => other.components.has(name))
  if (primary === 0 || isWhole) return other
  // A UNet alone, or an adapter, cannot give the rest: it gives the parts and the markers that it has.
  const components = [...base.components].map(([name, component]): [ComponentName, Component] => [
    name,
    merged.includes(name) ? component : (other.components.get(name) ?? component),
  ])
  const isStated = other.stated.type !== null || other.stated.edm
  return {
    ...base,
    components: new Map(components),
    ...(isStated && { architecture: other.architecture, predictionType: other.predictionType, stated: other.stated }),
    extras: [...base.extras.filter((extra) => !isMarker(extra)), ...other.extras.filter(isMarker)],
    files: [...base.files, ...other.files],
  }
}

/** Whether nobody has chosen the parts: a file of one part alone is then merged. */
function isPreset(include: OutputSettings['include']): boolean {
  return include.join() === 'unet'
}

function includedComponents(base: Checkpoint, { include, vae }: OutputSettings): ComponentName[] {
  const [only, ...others] = base.components.keys()
  if (only !== undefined && others.length === 0 && isPreset(include)) return [only]
  const absent = include.filter((name) => !base.components.has(name))
  if (absent.length > 0 || include.length === 0) {
    throw new FusionError('validation', `${base.path} has no ${absent.join(', ') || 'part'} to merge.`, {
      hint: `Choose among its parts with --include: ${[...base.components.keys()].join(', ')}.`,
    })
  }
  if (vae !== undefined && include.includes('vae')) {
    throw new FusionError('validation', 'The VAE is either merged or replaced by another one, not both.', {
      hint: 'Leave vae out of --include, or leave --vae out.',
    })
  }
  return include
}

function tasksOf(
  project: Project,
  { base, method, calibration }: OpenedModels,
  component: Component,
  models: readonly PlannedModel[],
  blocks: Blocks,
  files: OutputFiles,
): (TensorTask | LayerTask)[] {
  // A sequential method runs the denoiser: other parts are averaged.
  const fits = mergesLayers(method) && (method.kind !== 'sequential' || isDenoiser(component.name))
  const layers = fits && models.length > 1 ? layersOf(base, component.name, project.method) : []
  // Channels of one model alone are in no other's rows: such a layer is averaged.
  const isComparable = ({ weight }: Layer): boolean =>
    !models.some(({ checkpoint }) => isWidened(checkpoint.components.get(component.name)?.tensors.get(weight)))
  const layerOfWeight = new Map(layers.filter(isComparable).map((layer) => [layer.weight, layer]))
  const inLayers = new Set([...layerOfWeight.values()].flatMap(({ bias }) => (bias === null ? [] : [bias])))
  const placeOf = (name: string): Destination => files.destinations.get(tensorKey(component.name, name))!
  const destinationOf = (name: string): Destination => ({
    ...placeOf(name),
    gain: gainOf(project.method, names.get(name)!),
  })
  const viewsOf = (name: string): TensorView[] =>
    models.map(({ checkpoint }) => realView(viewOf(checkpoint, component.name, name)))
  const names = tensorNames(base, component.name)
  const weightsOf = (name: string): number[] =>
    models.map(({ entry }) => weightOf(entry, names.get(name)!, blocks.blockOf(component.name, name)))
  return [...component.tensors.values()].flatMap((view): (TensorTask | LayerTask)[] => {
    const { name } = view
    if (inLayers.has(name) || !files.destinations.has(tensorKey(component.name, name))) return []
    if (models.length === 1 || !isMergeable(view)) {
      const task = { component: component.name, name, destination: placeOf(name) }
      return [{ ...task, kind: 'tensor', views: [view], weights: [1], method: soup }]
    }
    const task = { component: component.name, name, destination: destinationOf(name) }
    const weights = weightsOf(name)
    if (weighsBase(method) && weights.every((weight) => weight === 0)) {
      throw new FusionError('validation', `All weights are 0 for ${name}.`, { hint: 'Give one model a weight.' })
    }
    const layer = layerOfWeight.get(name)
    if (!layer) {
      const own = methodOfOthers(method)
      return [{ ...task, kind: 'tensor', views: viewsOf(name), weights, method: own }]
    }
    return [
      {
        ...task,
        kind: 'layer',
        layer,
        views: viewsOf(name),
        biasViews: layer.bias === null ? null : viewsOf(layer.bias),
        weights,
        biasDestination: layer.bias === null ? null : destinationOf(layer.bias),
        columns:
          calibration && method.kind !== 'fusion'
            ? columnsOf(project, calibration) * weights.filter(Boolean).length
            : null,
      },
    ]
  })
}

/** Columns of one model that a layer is fitted to, about. */
function columnsOf({ method: { name, fitColumns } }: Project, { record }: Calibration): number {
  return methodNamed(name).kind === 'sequential' ? fitColumns : record.samples
}

/** How tensors are merged that are no layers. */
function methodOfOthers(method: MergeMethod): TensorTask['method'] {
  if (method.kind === 'matrix') return { ...method, kind: 'linear' }
  return mergesLayers(method) ? soup : method
}

/** @throws FusionError 'incompatible' for a tensor that its file stores as integers where the base has real numbers */
function realView(view: TensorView): TensorView {
  const { elementType, path } = view.stored
  if (isFloatType(elementType)) return view
  throw new FusionError('incompatible', `${path} stores ${view.name} as ${elementType}, the base as real numbers.`, {
    hint: 'Leave this model out, or get a copy of it that is not quantised.',
  })
}
