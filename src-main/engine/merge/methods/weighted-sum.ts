import { weightedSum as descriptor } from '../../../contract/methods/weighted-sum'
import type { LinearMethod } from './method'

/** Weighted sum: every specialist has its share, the base what is left: (1 − Σ w_m) w_0 + Σ w_m w_m. */
export const weightedSum = {
  ...descriptor,
  combine: ([, ...shares]) => ({
    coefficients: [1 - shares.reduce((sum, share) => sum + share, 0), ...shares],
    divisor: 1,
  }),
} satisfies LinearMethod
