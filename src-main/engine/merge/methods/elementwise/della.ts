import { della as descriptor } from '../../../../contract/methods/elementwise/della'
import type { ElementwiseContext, ElementwiseMethod } from '../method'
import { MagnitudeRanks } from './magnitude-ranks'
import { startDropping, type Chances } from './random-dropping'
import { meanOfAgreeing } from './sign-consensus'

/**
 * DELLA's chances (mergekit's della_magprune): density − spread for the smallest entry along axis 1 (of a convolution: of
 * the input channels), density + spread for the largest, by rank. A tensor of one axis is one row.
 */
export function chancesByRank({
  shape,
  count,
  settings: { density, chanceSpread },
}: Pick<ElementwiseContext, 'shape' | 'count' | 'settings'>): Chances {
  const [outer, length] = shape.length > 1 ? [shape[0]!, shape[1]!] : [1, count]
  const runLength = count / outer
  const step = runLength / length
  const ranks = new MagnitudeRanks(length)
  let chances = new Float64Array(0)
  return {
    runLength,
    of(changes) {
      if (chances.length !== changes.length) chances = new Float64Array(changes.length)
      for (let run = 0; run < changes.length; run += runLength) {
        for (let place = run; place < run + step; place++) {
          const order = ranks.ascending(changes, place, step)
          for (let rank = 0; rank < length; rank++) {
            const part = length > 1 ? rank / (length - 1) : 0.5
            const chance = density - chanceSpread + part * 2 * chanceSpread
            chances[place + order[rank]! * step] = Math.min(1, Math.max(0, chance))
          }
        }
      }
      return chances
    },
  }
}

/** DELLA (Deep et al. 2024; mergekit's della): changes are dropped by rank; of the rest those that agree are averaged. */
export const della = {
  ...descriptor,
  start: (context) => startDropping(context, chancesByRank(context), meanOfAgreeing),
} satisfies ElementwiseMethod
