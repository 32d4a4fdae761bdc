import { soup as descriptor } from '../../../contract/methods/soup'
import type { LinearMethod } from './method'

/** Diffusion Soup: the weighted mean of base and specialists (paper, reference 3): Σ α_m w_m / Σ α_m. */
export const soup = {
  ...descriptor,
  combine: (weights) => ({ coefficients: weights, divisor: weights.reduce((sum, weight) => sum + weight, 0) }),
} satisfies LinearMethod
