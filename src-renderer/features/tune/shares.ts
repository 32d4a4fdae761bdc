import { weightOf } from '../../../src-main/contract/layer-patterns'
import type { MethodName, ModelEntry } from '../../../src-main/contract/project'
import { formatPercent } from '../../shared/format'

/** What a model contributes to the merge: a share of the whole, or its changes to the base times a factor. */
export interface Share {
  name: string
  /** Place in the project, for mark and colour. */
  index: number
  enabled: boolean
  kind: 'share' | 'changes'
  /** 0.4: 40 %. Null where it is not known. */
  value: number | null
}

const CHANGES: readonly MethodName[] = ['task-arithmetic', 'ties', 'dare', 'dare-ties', 'add-difference']

/** Shares by the weights of models alone, without layers, blocks and correlations. */
export function sharesOfWeights(models: readonly ModelEntry[], method: MethodName): Share[] {
  if (CHANGES.includes(method)) return changesOf(models, method)
  const weights = models.map((model) => (model.enabled ? model.weight : 0))
  if (method === 'weighted-sum') weights[0] = 1 - weights.slice(1).reduce((sum, weight) => sum + weight, 0)
  return normalised(models, weights)
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

function changesOf(models: readonly ModelEntry[], method: MethodName): Share[] {
  return models.map(({ name, enabled, weight }, index) => {
    if (index === 0) return { name, index, enabled: true, kind: 'share', value: method === 'add-difference' ? 0 : 1 }
    // Add difference: the first specialist is taken whole, the second one's difference is added.
    const whole = method === 'add-difference' && index === 1
    return { name, index, enabled, kind: whole ? 'share' : 'changes', value: !enabled ? 0 : whole ? 1 : weight }
  })
}

/** '60 %', 'changes at 40 %', 'dropped': to stand after the name. */
export function shareValueWords({ enabled, kind, value }: Share): string {
  if (!enabled) return 'dropped'
  if (value === null) return 'unknown'
  return kind === 'share' ? formatPercent(value) : `changes at ${formatPercent(value)}`
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
  if (CHANGES.includes(method) || layers.length === 0) return sharesOfWeights(models, method)
  // Plain copies: the project's own objects note every reading.
  const weighed = models.map(({ enabled, weight, blocks, layers: patterns }, index) => ({
    enabled: enabled || index === 0,
    weight,
    blocks: { ...blocks },
    layers: patterns.map((entry) => ({ ...entry })),
  }))
  const totals = models.map(() => 0)
  for (const layer of layers) {
    const parts = weighed.map(
      (model, index) => weightOf(model, layer.names, layer.block) * (layer.contributions?.[index] ?? 1),
    )
    if (method === 'weighted-sum') parts[0] = 1 - parts.slice(1).reduce((sum, part) => sum + part, 0)
    const sum = parts.reduce((total, part) => total + part, 0)
    if (sum > 0) parts.forEach((part, index) => (totals[index]! += (part / sum) * layer.size))
  }
  return normalised(models, totals)
}
