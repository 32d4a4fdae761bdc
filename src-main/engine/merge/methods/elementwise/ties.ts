import { ties as descriptor } from '../../../../contract/methods/elementwise/ties'
import { LargestEntries } from './largest-entries'
import type { ElementwiseMethod } from '../method'
import { signConsensus } from './sign-consensus'

/**
 * TIES (Yadav et al. 2023; mergekit's `ties`): of each delta the `density` largest entries of a tensor stay, a sign is
 * elected per entry, and those that agree are averaged by weight.
 */
export const ties = {
  ...descriptor,
  start({ count, weights: [, ...weights], settings: { density, scale, sign } }) {
    const largest = weights.map(() => new LargestEntries(Math.max(1, Math.floor(density * count))))
    return {
      scans: [
        ({ base, others }) => largest.forEach((entries, m) => entries.countCoarse(base, others[m]!)),
        ({ base, others }) => largest.forEach((entries, m) => entries.countFine(base, others[m]!)),
      ],
      apply({ base, others }, into) {
        const deltas = largest.map((entries, m) => {
          const kept = new Float64Array(base.length)
          entries.select(base, others[m]!, kept)
          return kept
        })
        signConsensus(deltas, weights, sign, true, into)
        for (let i = 0; i < base.length; i++) into[i] = base[i]! + scale * into[i]!
      },
    }
  },
} satisfies ElementwiseMethod
