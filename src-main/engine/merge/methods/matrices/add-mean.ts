import type { LinearCombination } from '../../../tensor/weighted-sum'

/**
 * What the papers of matrix methods do with biases and norms: base + scale · mean of w τ over the specialists that have
 * a weight.
 */
export function addMean([, ...weights]: readonly number[], { scale }: { scale: number }): LinearCombination {
  const count = Math.max(1, weights.filter((weight) => weight !== 0).length)
  const factors = weights.map((weight) => (scale * weight) / count)
  return { coefficients: [1 - factors.reduce((sum, factor) => sum + factor, 0), ...factors], divisor: 1 }
}
