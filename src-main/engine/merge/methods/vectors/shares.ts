import type { MethodSettings } from '../../../../contract/document/project'

/** The models' parts in a mean, by their weights: shares that add up to 1, or the weights as they are. */
export function sharesOf(weights: readonly number[], weightsAs: MethodSettings['weightsAs'] = 'shares'): number[] {
  const total = weightsAs === 'shares' ? weights.reduce((sum, weight) => sum + weight, 0) : 1
  return weights.map((weight) => weight / total)
}
