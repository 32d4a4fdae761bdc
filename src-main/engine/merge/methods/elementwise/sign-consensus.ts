/** How the sign of an entry is elected from the models' weighted deltas. */
export type SignElection = 'sum' | 'count'

/**
 * The tail of TIES (mergekit's sign consensus): of the weighted deltas of an entry, those whose sign wins are summed. A
 * tie counts as positive.
 * @param deltas per model, before its weight; all of one length
 * @param normalise whether to divide by the summed weights of the models that agree
 * @param into gets the consensus of every entry
 */
export function signConsensus(
  deltas: readonly Float64Array[],
  weights: readonly number[],
  election: SignElection,
  normalise: boolean,
  into: Float64Array,
): void {
  const models = deltas.length
  for (let i = 0; i < into.length; i++) {
    let vote = 0
    for (let m = 0; m < models; m++) {
      const weighted = weights[m]! * deltas[m]![i]!
      vote += election === 'sum' ? weighted : Math.sign(weighted)
    }
    let sum = 0
    let divisor = 0
    for (let m = 0; m < models; m++) {
      const weighted = weights[m]! * deltas[m]![i]!
      if (vote >= 0 ? weighted > 0 : weighted < 0) {
        sum += weighted
        divisor += weights[m]!
      }
    }
    into[i] = normalise && divisor !== 0 ? sum / divisor : sum
  }
}
