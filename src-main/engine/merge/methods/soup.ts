import type { LinearMethod } from './method'

/** Diffusion Soup: the weighted mean of base and specialists (paper, reference 3): Σ α_m w_m / Σ α_m. */
export const soup: LinearMethod = {
  kind: 'linear',
  name: 'soup',
  title: 'Soup',
  summary: 'The weighted mean of the base and all specialists.',
  baseTakesPart: true,
  specialists: { least: 1, most: Infinity },
  uses: [],
  combine: (weights) => ({ coefficients: weights, divisor: weights.reduce((sum, weight) => sum + weight, 0) }),
}
