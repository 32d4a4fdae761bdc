import type { MixChanges } from './changes'

/** How changes are merged that agree in sign. */
export interface Consensus {
  /** Whether the sign of an entry is that of the sum of the weighted changes, or of the greater number of them. */
  election: 'sum' | 'count'
  /** What the sum of the weighted changes that agree is divided by. */
  divisor: 'weights' | 'number' | 'nothing'
  /** What wins where neither sign does. */
  ties: 'positive' | 'none'
}

/**
 * The tail of TIES: of the weighted changes of an entry, those whose sign wins are summed.
 * @param changes per specialist, before its weight; all of one length
 * @param into gets the consensus of every entry
 */
export function signConsensus(
  changes: readonly Float64Array[],
  weights: readonly number[],
  { election, divisor, ties }: Consensus,
  into: Float64Array,
): void {
  const models = changes.length
  for (let i = 0; i < into.length; i++) {
    let vote = 0
    for (let m = 0; m < models; m++) {
      const weighted = weights[m]! * changes[m]![i]!
      vote += election === 'sum' ? weighted : Math.sign(weighted)
    }
    let sum = 0
    let part = 0
    for (let m = 0; m < models; m++) {
      const weighted = weights[m]! * changes[m]![i]!
      if (vote > 0 || (vote === 0 && ties === 'positive') ? weighted > 0 : vote < 0 && weighted < 0) {
        sum += weighted
        part += divisor === 'weights' ? weights[m]! : 1
      }
    }
    into[i] = divisor !== 'nothing' && part !== 0 ? sum / part : sum
  }
}

/** mergekit's dare_ties and breadcrumbs_ties elect by the sum, and do not divide. */
export const sumOfAgreeing: MixChanges = (changes, weights, into) =>
  signConsensus(changes, weights, { election: 'sum', divisor: 'nothing', ties: 'positive' }, into)

/** mergekit's della. */
export const meanOfAgreeing: MixChanges = (changes, weights, into) =>
  signConsensus(changes, weights, { election: 'sum', divisor: 'weights', ties: 'positive' }, into)
