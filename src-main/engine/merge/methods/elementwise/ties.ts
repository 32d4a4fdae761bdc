import { ties as descriptor } from '../../../../contract/methods/elementwise/ties'
import type { MethodSettings } from '../../../../contract/document/project'
import type { Kernels } from '../../../tensor/kernels'
import { blockElements } from '../block-elements'
import type { ElementwiseMethod } from '../method'
import { addToBase, Changes } from './changes'
import { LargestEntries } from './largest-entries'
import { signConsensus } from './sign-consensus'

/**
 * TIES (Yadav et al. 2023): of each specialist's changes the `density` largest of a tensor stay, a sign is elected per
 * entry, and those that agree are averaged; by their weights (mergekit's `ties`) or their number (sd-mecha's ties_sum).
 */
export const ties = {
  ...descriptor,
  start(context) {
    const { kernels, count, settings } = context
    const [, ...weights] = context.weights
    const { scale, sign, tiesForm } = settings
    const largest = weights.map(() => largestOf(kernels, count, settings))
    const markers = largest.map((entries) => entries.marker())
    const changes = new Changes(context)
    const stays = kernels.allocateMore(blockElements(count))
    return {
      scans: [
        (block) => changes.of(block).forEach((change, m) => largest[m]!.countCoarse(change)),
        (block) => changes.of(block).forEach((change, m) => largest[m]!.countFine(change)),
      ],
      apply(block, into) {
        const all = changes.of(block)
        all.forEach((change, m) => {
          markers[m]!(change, stays.bytes())
          kernels.run.keepMarked(change.byteOffset, stays.pointer, block.count)
        })
        signConsensus(
          all,
          weights,
          tiesForm === 'mergekit'
            ? { election: sign, divisor: 'weights', ties: 'positive' }
            : { election: sign, divisor: 'number', ties: 'none' },
          into,
        )
        addToBase(block.base, scale, into)
      },
    }
  },
} satisfies ElementwiseMethod

function largestOf(kernels: Kernels, count: number, { density, tiesForm }: MethodSettings): LargestEntries {
  if (tiesForm === 'mergekit') return new LargestEntries(kernels, Math.max(1, Math.floor(density * count)))
  // The smallest that stays has this place in ascending order, counted from 1.
  const smallest = Math.max(1, Math.floor((1 - density) * count))
  return new LargestEntries(kernels, count - smallest + 1, 'all')
}
