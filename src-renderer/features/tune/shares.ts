import { weightOf } from '../../../src-main/contract/document/blocks/layer-patterns'
import { describedMethod } from '../../../src-main/contract/methods/index'
import { partsOfAverage } from '../../../src-main/contract/methods/shares'
import type { MethodName, ModelEntry } from '../../../src-main/contract/document/project'
import { formatNumber, formatPercent } from '../../shared/format'

/** What a model contributes to the merge: a share of the whole, or its changes to the base times a factor. */
export interface Share {
  name: string
  /** Place in the project, for mark and colour. */
  index: number
  enabled: boolean
  /** Whether it cannot be merged as it is, so that it has no part in it. */
  unfit?: boolean
  kind: 'share' | 'changes'
  /** 0.4: 40 %. Null where it is not known. */
  value: number | null
}

/** Shares by the weights of models alone, without layers, blocks and correlations. */
export function sharesOfWeights(models: readonly ModelEntry[], method: MethodName): Share[] {
  const { result } = describedMethod(method)
  if (result.kind === 'changes') return changesOf(models, result.addedTo)
  const weights = models.map((model) => (model.enabled ? model.weight : 0))
  return normalised(models, partsOfAverage(result, weights))
}

/** Shares of weighted contributions; those of a merge whose contributions cancel cannot be told. */
export function normalised(models: readonly ModelEntry[], parts: readonly number[]): Share[] {
  const sum = parts.reduce((total, part) => total + part, 0)
  return models.map(({ name, enabled }, index) => ({
    name,
    index,
    enabled: enabled || index === 0,
    kind: 'share',
    value: sum > 0 ? parts[index]! / sum : null,
  }))
}

/** @param addedTo the model that is taken whole */
function changesOf(models: readonly ModelEntry[], addedTo: number): Share[] {
  return models.map(({ name, enabled, weight }, index) => {
    const whole = index === addedTo
    if (index === 0) return { name, index, enabled: true, kind: 'share', value: whole ? 1 : 0 }
    return { name, index, enabled, kind: whole ? 'share' : 'changes', value: !enabled ? 0 : whole ? 1 : weight }
  })
}

/** '60 %', 'changes at 40 %', 'dropped': to stand after the name. */
export function shareValueWords({ enabled, unfit, kind, value }: Share): string {
  if (unfit) return 'cannot take part'
  if (!enabled) return 'dropped'
  if (value === null) return 'unknown'
  return kind === 'share' ? formatPercent(value) : `changes at ${formatPercent(value)}`
}

/** '60 %', '× 0.4' for changes, '–' where there is none, '!' where there can be none: to stand in a column. */
export function shareFigure({ enabled, unfit, kind, value }: Share): string {
  if (unfit) return '!'
  if (!enabled || value === null) return '–'
  return kind === 'share' ? formatPercent(value) : `× ${formatNumber(value)}`
}

/** 'style 60 %', 'style dropped'. */
export function shareWords(share: Share): string {
  return `${share.name} ${shareValueWords(share)}`
}

/** A layer of the merge as far as shares need it. */
export interface SharedLayer {
  /** All names of its weight. */
  names: readonly string[]
  block: string
  /** Number of weights: large layers count more. */
  size: number
  /** What every model contributes at equal weights, in the project's order; null: the same from all. */
  contributions: readonly number[] | null
}

/** The share of every model in the merged weights, over all layers, with weights by block and layer. */
export function sharesOfLayers(
  models: readonly ModelEntry[],
  method: MethodName,
  layers: readonly SharedLayer[],
): Share[] {
  const { result } = describedMethod(method)
  if (result.kind === 'changes' || layers.length === 0) return sharesOfWeights(models, method)
  // Plain copies: the project's own objects note every reading.
  const weighed = models.map(({ enabled, weight, blocks, layers: patterns }, index) => ({
    enabled: enabled || index === 0,
    weight,
    blocks: { ...blocks },
    layers: patterns.map((entry) => ({ ...entry })),
  }))
  const totals = models.map(() => 0)
  for (const layer of layers) {
    const weights = weighed.map((model) => weightOf(model, layer.names, layer.block))
    const parts = partsOfAverage(result, weights).map((part, index) => part * (layer.contributions?.[index] ?? 1))
    const sum = parts.reduce((total, part) => total + part, 0)
    if (sum > 0) parts.forEach((part, index) => (totals[index]! += (part / sum) * layer.size))
  }
  return normalised(models, totals)
}
