import type { LinearMethod } from './method'

/** Weighted sum: every specialist has its share, the base what is left: (1 − Σ w_m) w_0 + Σ w_m w_m. */
export const weightedSum: LinearMethod = {
  kind: 'linear',
  name: 'weighted-sum',
  title: 'Weighted sum',
  summary: 'Each specialist has the share that its weight says; the base has the rest.',
  baseTakesPart: false,
  specialists: { least: 1, most: Infinity },
  uses: [],
  combine: ([, ...shares]) => ({
    coefficients: [1 - shares.reduce((sum, share) => sum + share, 0), ...shares],
    divisor: 1,
  }),
}
