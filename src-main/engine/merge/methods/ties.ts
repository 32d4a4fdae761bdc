import type { ElementwiseMethod } from './method'
import { LargestEntries } from './largest-entries'
import { signConsensus } from './sign-consensus'

/**
 * TIES (Yadav et al. 2023; mergekit's `ties`): of each delta the `density` largest entries of a tensor stay, a sign is
 * elected per entry, and those that agree are averaged by weight.
 */
export const ties: ElementwiseMethod = {
  kind: 'elementwise',
  name: 'ties',
  title: 'TIES',
  summary: 'Keeps the largest changes of each specialist and averages those that agree in sign.',
  baseTakesPart: false,
  specialists: { least: 1, most: Infinity },
  uses: ['density', 'scale', 'sign'],
  start({ count, weights, settings: { density, scale, sign } }) {
    const largest = weights.map(() => new LargestEntries(Math.max(1, Math.floor(density * count))))
    const scan = (look: 'countCoarse' | 'countFine') => (block: Parameters<LargestEntries['countCoarse']>[0]) =>
      largest.forEach((entries, m) => entries[look](block, m))
    const deltas = new Float64Array(weights.length)
    return {
      scans: [scan('countCoarse'), scan('countFine')],
      apply({ count: length, base, others }, into) {
        for (let i = 0; i < length; i++) {
          for (let m = 0; m < deltas.length; m++) {
            const delta = others[m]![i]! - base[i]!
            deltas[m] = largest[m]!.keeps(delta) ? delta : 0
          }
          into[i] = base[i]! + scale * signConsensus(deltas, weights, sign, true)
        }
      },
    }
  },
}
