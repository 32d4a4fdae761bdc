import { blockLabel } from '../../../contract/document/blocks/block-labels'
import { FusionError } from '../../../contract/errors'
import { matchesPattern, unmatchedHint } from '../../../contract/document/blocks/layer-patterns'
import { keyInWords, primaryModel, weighsBase } from '../../../contract/methods/descriptor'
import { unusedParameters } from '../../../contract/methods/settings'
import type { MethodSettings, ModelEntry } from '../../../contract/document/project'
import type { Checkpoint, ComponentName } from '../../checkpoint/model/checkpoint'
import { isMergeable } from '../../checkpoint/mergeable'
import { tensorNames } from '../../checkpoint/tensor-names'
import { Blocks } from './blocks'
import { layersOf } from './layers'
import { mergesLayers, type MergeMethod } from '../methods/method'

/** A tensor that has a weight of its own in a merge. */
export interface WeighedTensor {
  component: ComponentName
  /** All its names, diffusers' first. */
  names: readonly string[]
  block: string
}

/** What is merged, and how. */
export interface MergedParts {
  base: Checkpoint
  components: readonly ComponentName[]
  method: Pick<MergeMethod, 'kind' | 'result' | 'title'>
}

/** The tensors of the merged components that rules can weigh. A layer that is merged as a matrix takes its bias along. */
export function weighedTensors({ base, components, method }: MergedParts, settings: MethodSettings): WeighedTensor[] {
  const blocks = Blocks.of(base)
  return components.flatMap((component) => {
    const names = tensorNames(base, component)
    const layers = mergesLayers(method) ? layersOf(base, component, settings) : []
    const biases = new Set(layers.map(({ bias }) => bias))
    return [...base.components.get(component)!.tensors.values()]
      .filter((view) => isMergeable(view) && !biases.has(view.name))
      .map(({ name }) => ({ component, names: names.get(name)!, block: blocks.blockOf(component, name) }))
  })
}

/**
 * Sees that every rule of the models that take part has an effect: weights of blocks and layers match something that is
 * merged, and the base has none where the method does not weigh it.
 * @param entries base first
 * @throws FusionError 'validation' that says what would match
 */
export function checkWeightRules(entries: readonly ModelEntry[], parts: MergedParts, settings: MethodSettings): void {
  checkBase(entries[0]!, parts.method)
  const active = entries.filter(({ enabled, blocks, layers }) => enabled && (layers.length > 0 || hasKeys(blocks)))
  if (active.length === 0) return
  const tensors = weighedTensors(parts, settings)
  for (const model of active) {
    checkBlocks(model, parts, tensors)
    for (const { pattern } of model.layers) checkPattern(model, pattern, parts, tensors)
  }
}

/** What is said about weights that the method does not use: of the model that it takes whole. */
export function unusedWeights(entries: readonly ModelEntry[], method: Pick<MergeMethod, 'result' | 'title'>): string[] {
  const primary = primaryModel(method)
  const whole = entries[primary]
  if (primary === 0 || !whole || !hasOwnWeights(whole)) return []
  return [`${method.title} uses ${whole.name} as it is: the weights given for it are not used.`]
}

/**
 * What is said about parameters that are not at their defaults, but that the method does not use. Those that belong to the
 * project rather than to the method (seeds) are not told.
 */
export function unusedSettings(settings: MethodSettings, method: Pick<MergeMethod, 'parameters' | 'title'>): string[] {
  const given: Readonly<Record<string, unknown>> = settings
  const unused = unusedParameters(method, settings).filter((parameter) => {
    const usual = parameter.kind === 'automatic' ? undefined : parameter.default
    return !parameter.isOfProject && given[parameter.key] !== usual
  })
  return unused.map(
    ({ key }) => `${method.title} does not use the ${keyInWords(key)} that is given: ${String(given[key])}.`,
  )
}

/** A model with those of its rules alone that have an effect on these parts. */
export function withEffectiveRules(model: ModelEntry, parts: MergedParts, settings: MethodSettings): ModelEntry {
  const tensors = weighedTensors(parts, settings)
  return {
    ...model,
    blocks: Object.fromEntries(
      Object.entries(model.blocks).filter(([label]) => tensors.some(({ block }) => block === label)),
    ),
    layers: model.layers.filter(({ pattern }) => tensors.some(({ names }) => matchesPattern(pattern, names))),
  }
}

/** The gains that have an effect on these parts. */
export function effectiveGains(parts: MergedParts, settings: MethodSettings): MethodSettings['gains'] {
  if (settings.gains.length === 0) return []
  const tensors = weighedTensors(parts, settings)
  return settings.gains.filter(({ pattern }) => tensors.some(({ names }) => matchesPattern(pattern, names)))
}

/**
 * Sees that every pattern that says what kind a layer is matches a layer.
 * @throws FusionError 'validation' that says what would match
 */
export function checkLayerKinds(
  { base, components }: Pick<MergedParts, 'base' | 'components'>,
  settings: MethodSettings,
): void {
  if (settings.layerKinds.length === 0) return
  const layers = components.flatMap((component) => {
    const names = tensorNames(base, component)
    return layersOf(base, component, settings).map(({ weight }) => names.get(weight)!)
  })
  for (const { pattern } of settings.layerKinds) {
    if (layers.some((names) => matchesPattern(pattern, names))) continue
    throw new FusionError('validation', `No layer of ${base.path} matches ${pattern}, whose kind is given.`, {
      hint: unmatchedHint(pattern, layers.flat()),
    })
  }
}

/**
 * Sees that every gain has an effect.
 * @throws FusionError 'validation' that says what would match
 */
export function checkGains(parts: MergedParts, settings: MethodSettings): void {
  const effective = effectiveGains(parts, settings)
  const wrong = settings.gains.find((gain) => !effective.includes(gain))
  if (!wrong) return
  const names = weighedTensors(parts, settings).flatMap((tensor) => tensor.names)
  throw new FusionError('validation', `There is a gain for the layers ${wrong.pattern}, but no merged layer matches.`, {
    hint: unmatchedHint(wrong.pattern, names),
  })
}

function checkBase(base: ModelEntry, method: MergedParts['method']): void {
  if (weighsBase(method) || !hasOwnWeights(base)) return
  throw new FusionError(
    'validation',
    `${base.name} has weights of its own, but ${method.title} has no weight for the base.`,
    {
      hint: 'Give weights to the specialists, and leave out those of the base (1, without weights by block and layer).',
    },
  )
}

function checkBlocks({ name, blocks }: ModelEntry, { base }: MergedParts, tensors: readonly WeighedTensor[]): void {
  const merged = new Set(tensors.map(({ block }) => block))
  const unknown = Object.keys(blocks).filter((block) => !merged.has(block))
  if (unknown.length === 0) return
  const order = [...Blocks.of(base).labels, ...merged]
  const known = [...new Set(order)].filter((block) => merged.has(block))
  throw new FusionError('validation', `${name} has weights for blocks that are not merged: ${unknown.join(' ')}.`, {
    hint: `The merged blocks are ${known.join(' ')}.`,
  })
}

function checkPattern(
  { name }: ModelEntry,
  pattern: string,
  { base, components }: MergedParts,
  tensors: readonly WeighedTensor[],
): void {
  if (tensors.some(({ names }) => matchesPattern(pattern, names))) return
  const message = `${name} has a weight for the layers ${pattern}, but no merged layer matches.`
  if (tensors.some(({ block }) => block === blockLabel(pattern))) {
    const hint = `${blockLabel(pattern)} is a block: give its weight by block (--block-weights ${name}=${blockLabel(pattern)}:WEIGHT).`
    throw new FusionError('validation', message, { hint })
  }
  const elsewhere = [...base.components.keys()].find((component) =>
    [...tensorNames(base, component).values()].some((names) => matchesPattern(pattern, names)),
  )
  throw new FusionError('validation', message, {
    hint:
      elsewhere === undefined
        ? unmatchedHint(
            pattern,
            tensors.flatMap(({ names }) => names),
          )
        : components.includes(elsewhere)
          ? 'They are biases, which are merged with their layers, or tensors that are only copied. Name the layers.'
          : `They are layers of ${elsewhere}, which stays as the base has it. Merge it too: --include ${[...components, elsewhere].join(',')}.`,
  })
}

function hasOwnWeights({ weight, blocks, layers }: ModelEntry): boolean {
  return weight !== 1 || hasKeys(blocks) || layers.length > 0
}

function hasKeys(record: object): boolean {
  return Object.keys(record).length > 0
}
