import { Kernels } from '../../../tensor/kernels'
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
  const count = into.length
  const models = changes.length
  const kernels = (shared ??= new Kernels(0))
  kernels.reset()
  const [all, factors, merged] = [models * count, models, count].map((size) => kernels.allocateMore(size * 8))
  changes.forEach((change, m) => all!.doubles().set(change, m * count))
  factors!.doubles(models).set(weights)
  kernels.run.consensus(
    all!.pointer,
    factors!.pointer,
    models,
    count,
    election === 'count' ? 1 : 0,
    DIVISORS[divisor],
    ties === 'positive' ? 1 : 0,
    merged!.pointer,
  )
  into.set(merged!.doubles(count))
}

/** Those of a thread: one block is merged after the other. */
let shared: Kernels | undefined

/** Their numbers in the kernel. */
const DIVISORS = { nothing: 0, weights: 1, number: 2 }

/** mergekit's dare_ties and breadcrumbs_ties elect by the sum, and do not divide. */
export const sumOfAgreeing: MixChanges = (changes, weights, into) =>
  signConsensus(changes, weights, { election: 'sum', divisor: 'nothing', ties: 'positive' }, into)

/** mergekit's della. */
export const meanOfAgreeing: MixChanges = (changes, weights, into) =>
  signConsensus(changes, weights, { election: 'sum', divisor: 'weights', ties: 'positive' }, into)
