/** How the sign of an entry is elected from the models' weighted deltas. */
export type SignElection = 'sum' | 'count'

/**
 * The tail of TIES (mergekit's sign consensus): of the weighted deltas of one entry, those whose sign wins are summed.
 * A tie counts as positive.
 * @param deltas one entry's delta per model, before its weight
 * @param normalise whether to divide by the summed weights of the models that agree
 */
export function signConsensus(
  deltas: ArrayLike<number>,
  weights: readonly number[],
  election: SignElection,
  normalise: boolean,
): number {
  let vote = 0
  for (let m = 0; m < weights.length; m++) {
    const weighted = weights[m]! * deltas[m]!
    vote += election === 'sum' ? weighted : Math.sign(weighted)
  }
  const positive = vote >= 0
  let sum = 0
  let divisor = 0
  for (let m = 0; m < weights.length; m++) {
    const weighted = weights[m]! * deltas[m]!
    if (positive ? weighted > 0 : weighted < 0) {
      sum += weighted
      divisor += weights[m]!
    }
  }
  return normalise && divisor !== 0 ? sum / divisor : sum
}
