import { sum } from '../../../../contract/values/sum'
import { mean } from '../../losses/bootstrap'
import type { Stratum, UnitValues } from '../objectives/objective'

/** Parts of all units after which trials are compared; the last look is at all of them, where nothing is left to chance. */
const LOOKS = [0.1, 0.14, 0.2, 0.3, 0.45, 0.65]
/** Looks that bring fewer new units than this part of those before cost more than they tell: all share the error level. */
const LEAST_NEW = 0.2
/** Units of a stratum without which its spread is not known. */
const LEAST_UNITS = 2
/** Units of all strata without which nothing is said: means of fewer are too far from normal. */
const LEAST_ALL = 40
/** Of the mean spread: what strata have whose units did not differ so far. */
const SURE_SPREAD = 0.5
const HALVINGS = 60

type Sized = Pick<Stratum, 'weight' | 'clusters'>

/** By how much the differences of two models vary within each stratum (standard deviations). */
export function spreadsOf(a: UnitValues, b: UnitValues): number[] {
  return a.map((own, stratum) => {
    const differences = Float64Array.from(own, (value, place) => value - b[stratum]![place]!)
    const middle = mean(differences)
    return Math.sqrt(mean(differences.map((value) => (value - middle) ** 2)))
  })
}

/**
 * How many units of each stratum are measured before each look: more where they weigh and vary more (Neyman's allocation;
 * Cochran, Sampling Techniques, section 5.5), the last time all. Any allocation leaves a test valid.
 */
export function unitsByLook(strata: readonly Sized[], spreads: readonly number[]): number[][] {
  const sizes = strata.map(({ clusters }) => clusters.length)
  const all = sum(sizes)
  const usual = mean(spreads)
  const shares = strata.map(({ weight }, stratum) =>
    usual > 0 ? weight * (spreads[stratum]! + SURE_SPREAD * usual) : weight,
  )
  const looks = LOOKS.map((part) => allocated(Math.max(LEAST_ALL, part * all), sizes, shares))
  let before = 0
  const apart = looks.filter((counts) => {
    const size = sum(counts)
    if (size < (1 + LEAST_NEW) * before || all < (1 + LEAST_NEW) * size) return false
    before = size
    return true
  })
  return [...apart, sizes]
}

/** So many units in all, or the fewest that are needed: in proportion to shares, as far as a stratum has them. */
function allocated(wanted: number, sizes: readonly number[], shares: readonly number[]): number[] {
  const countsFor = (factor: number): number[] =>
    sizes.map((size, stratum) => Math.min(size, Math.max(LEAST_UNITS, Math.ceil(factor * shares[stratum]!))))
  let low = 0
  let high = Math.max(...sizes) / Math.min(...shares)
  for (let step = 0; step < HALVINGS; step++) {
    const middle = (low + high) / 2
    if (sum(countsFor(middle)) > wanted) high = middle
    else low = middle
  }
  return countsFor(low)
}
