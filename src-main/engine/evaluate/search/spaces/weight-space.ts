import type { Grouping } from '../../../../contract/evaluate/search/search'
import type { ModelEntry } from '../../../../contract/document/project'
import { groupBy } from '../../../../contract/values/group-by'
import { mean } from '../../losses/bootstrap'
import type { SearchSpace } from './search-space'

const SPREAD = 0.3

/** A model's weight, and other ones for some blocks: as in a project's ModelEntry. */
export interface WeightsByBlock {
  weight: number
  blocks: Record<string, number>
}

/**
 * Weights of some of a merge's models, one for each or one for each group of blocks.
 * @param free those whose weights are searched, among `models`
 */
export function weightSpace(
  models: readonly ModelEntry[],
  free: readonly ModelEntry[],
  groups: readonly (readonly string[])[],
): SearchSpace {
  return {
    start: startOf(free, groups),
    spread: SPREAD,
    modelsOf: (flat) => {
      const found = weightsOfFlat(flat, free, groups)
      return models.map((model) => ({ ...model, ...found[free.indexOf(model)] }))
    },
  }
}

/** A search begins with the weights as they are; models without any begin with none. */
function startOf(models: readonly ModelEntry[], groups: readonly (readonly string[])[]): number[] {
  const flat = flatWeights(models, groups).map((weight) => Math.max(0, weight))
  return flat.some((weight) => weight > 0) ? flat : flat.map(() => 1)
}

/** Blocks that share a weight, by the labels of a network's blocks; none: a model has one weight everywhere. */
export function groupsOf(grouping: Grouping, blocks: readonly string[]): string[][] {
  if (grouping === 'all') return []
  if (grouping === 'blocks') return blocks.map((block) => [block])
  return [...groupBy(blocks, (block) => block.replace(/\d+$/, '')).values()]
}

/**
 * Weights of models as one list of numbers: one per model and group of blocks, or one per model where there are no groups.
 * What differs within a group begins with its mean.
 */
export function flatWeights(models: readonly WeightsByBlock[], groups: readonly (readonly string[])[]): number[] {
  return models.flatMap(({ weight, blocks: own }) =>
    groups.length === 0 ? [weight] : groups.map((group) => mean(group.map((block) => own[block] ?? weight))),
  )
}

/**
 * The weights of models that a list of numbers stands for.
 * @param models as they were before: their weight stays for what lies in none of the blocks; without groups one weight
 *   holds for all of them
 */
export function weightsOfFlat(
  flat: readonly number[],
  models: readonly WeightsByBlock[],
  groups: readonly (readonly string[])[],
): WeightsByBlock[] {
  return models.map(({ weight, blocks: before }, model) => {
    if (groups.length === 0) return { weight: flat[model]!, blocks: {} }
    const own = groups.flatMap((group, index) =>
      group.map((block) => [block, flat[model * groups.length + index]!] as const),
    )
    return { weight, blocks: { ...before, ...Object.fromEntries(own) } }
  })
}
