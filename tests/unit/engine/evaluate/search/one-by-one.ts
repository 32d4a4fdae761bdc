import type { TrialScorer } from '../../../../../src-main/engine/evaluate/search/weight-trials'

/** Weights scored whole, one after the other. */
export function oneByOne(score: (weights: readonly number[]) => Promise<number>): TrialScorer {
  return async function* (round) {
    for (const weights of round) yield { score: await score(weights), isStopped: false }
  }
}
