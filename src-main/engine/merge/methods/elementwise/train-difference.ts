import { trainDifference as descriptor } from '../../../../contract/methods/elementwise/train-difference'
import type { ElementwiseMethod } from '../method'

/** SuperMerger's factor. */
const STRENGTH = 1.8

/**
 * Train difference (SuperMerger; sd-mecha's train_difference_mask), entry by entry with A the first specialist, B the
 * second, C the base: A + 1.8 · weight · |B − A| / (|B − A| + |B − C|) · (B − C); 0 / 0 counts as 0.
 */
export const trainDifference = {
  ...descriptor,
  start: ({ weights: [, , weight] }) => ({
    scans: [],
    apply({ count, base, others: [first, second] }, into) {
      for (let i = 0; i < count; i++) {
        const change = second![i]! - base[i]!
        const apart = Math.abs(second![i]! - first![i]!)
        const total = apart + Math.abs(change)
        into[i] = first![i]! + (total > 0 ? STRENGTH * weight! * (apart / total) * change : 0)
      }
    },
  }),
} satisfies ElementwiseMethod
