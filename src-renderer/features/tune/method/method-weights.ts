import { takingPart, type MethodName, type ModelEntry } from '../../../../src-main/contract/document/project'
import { describedMethod } from '../../../../src-main/contract/methods/index'
import type { MethodDescriptor } from '../../../../src-main/contract/methods/descriptor'

/** Enough to add up to 1 in a person's eyes. */
const DIGITS = 4

function hasRest({ result }: Pick<MethodDescriptor, 'result'>): boolean {
  return result.kind === 'average' && result.base === 'rest'
}

function sumOf(models: readonly ModelEntry[]): number {
  return models.slice(1).reduce((sum, { enabled, weight }) => sum + (enabled ? weight : 0), 0)
}

/**
 * The models with weights that mean in another method what they meant before. Where the base has what specialists leave
 * of 1, they are shares; elsewhere the base has a weight of its own. Weights that cannot be told otherwise stay.
 */
export function weightsFor(to: MethodName, from: MethodName, models: readonly ModelEntry[]): readonly ModelEntry[] {
  const [before, after] = [hasRest(describedMethod(from)), hasRest(describedMethod(to))]
  if (before === after) return models
  const base = models[0]?.weight ?? 1
  const sum = sumOf(models)
  const factor = after ? 1 / (base + sum) : base / (1 - sum)
  // Shares of a base that has none, or less, have no like among weights.
  return Number.isFinite(factor) && factor > 0 ? scaled(models, factor) : models
}

/** Specialists with a part of what they have, so that the base keeps as much as each of them has on average. */
export function addingUp(models: readonly ModelEntry[]): readonly ModelEntry[] {
  const sum = sumOf(models)
  const count = models.slice(1).filter(({ enabled }) => enabled).length
  return sum > 0 ? scaled(models, count / (count + 1) / sum) : models
}

function scaled(models: readonly ModelEntry[], factor: number): readonly ModelEntry[] {
  const times = (weight: number): number => Number((weight * factor).toFixed(DIGITS))
  return models.map((model, index) =>
    index === 0
      ? model
      : {
          ...model,
          weight: times(model.weight),
          blocks: Object.fromEntries(Object.entries(model.blocks).map(([block, weight]) => [block, times(weight)])),
          layers: model.layers.map((layer) => ({ ...layer, weight: times(layer.weight) })),
        },
  )
}

/** What is wrong with the weights: shares of more than 1, or none at all; null where nothing is. */
export function weightsProblem(method: MethodName, models: readonly ModelEntry[]): 'over' | 'none' | null {
  const { result } = describedMethod(method)
  const taking = takingPart(models)
  if (hasRest({ result })) return sumOf(models) > 1 ? 'over' : null
  const weighed = result.kind === 'average' ? taking : taking.slice(1)
  return weighed.length > 1 && weighed.every(isZero) ? 'none' : null
}

function isZero({ weight, blocks, layers }: ModelEntry): boolean {
  return [weight, ...Object.values(blocks), ...layers.map((layer) => layer.weight)].every((value) => value === 0)
}
