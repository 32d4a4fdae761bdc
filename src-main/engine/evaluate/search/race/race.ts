import { mean } from '../../losses/bootstrap'
import { TorchGenerator } from '../../../random'
import type { Stratum, Unit, UnitValues } from '../objectives/objective'
import { studentTail } from './student-tail'

/** How often a race may drop what is truly better, at most. */
export const ERROR_LEVEL = 0.05
/**
 * The part of the level at which is tested. Means of a few skewed values are not normal: of 80 measured differences of the
 * shipped family, shifted to 0, the worst was dropped 2.5 times as often as the level of the test says.
 */
const TESTED_PART = 0.25
/** Looks that bring fewer new units than this part of those before cost more than they tell: all share the error level. */
const LEAST_NEW = 0.2
/** Parts of the units after which trials are compared; the last look is at all of them, where nothing is left to chance. */
const LOOKS = [1 / 15, 1 / 10, 1 / 6, 1 / 4, 3 / 8, 1 / 2, 3 / 4]
/** Units of a stratum without which its spread is not known. */
const LEAST_UNITS = 2

/** What the units measured so far say of a trial against another one. */
export interface Comparison {
  /** The difference of the values over all units, as far as it is known; above 0: the trial is worse. */
  difference: number
  isWorse: boolean
}

/**
 * Finds trials that are certainly worse than another one before all units are measured. The units of every stratum are
 * measured in one random order, the same for all trials. After each part of them the difference to the other trial is
 * estimated, picture by picture, and a one-sided t test says whether it is above 0. What the search could see is a finite
 * set that is drawn without replacement, so that the error shrinks to 0 as the last unit comes (Cochran, Sampling
 * Techniques, 1977: stratified means with the finite population correction, section 5.3; Satterthwaite's degrees of
 * freedom, section 5.4). Looks share the error level equally (Bonferroni): the chance that a trial which is better over all
 * units is dropped at any of them is at most that level. No test without bounds foresees single units, outside of all looks,
 * that outweigh all others; strata of like units keep such ones apart.
 *
 * What is expected of every unit (of any source but the units of this trial) is taken off before and its mean added
 * again: the difference estimator (Särndal, Swensson and Wretman, Model Assisted Survey Sampling, 1992, section 6.3). It
 * is unbiased however wrong the expectation is, and as exact as the expectation is right.
 */
export class Race {
  /** Units by look: what is measured before it. */
  readonly parts: readonly (readonly Unit[])[]
  readonly #counts: readonly (readonly number[])[]
  readonly #orders: readonly Uint32Array[]

  constructor(
    private readonly strata: readonly Pick<Stratum, 'weight' | 'clusters'>[],
    seed: number,
    private readonly level = ERROR_LEVEL,
  ) {
    const random = new TorchGenerator(seed)
    this.#orders = strata.map(({ clusters }) => randomOrder(clusters.length, random))
    const counts = [...LOOKS, 1].map((part) =>
      strata.map(({ clusters: { length } }) => Math.min(length, Math.max(LEAST_UNITS, Math.ceil(part * length)))),
    )
    this.#counts = looksApart(counts)
    this.parts = this.#counts.map((own, look) =>
      own.flatMap((count, stratum) =>
        Array.from(this.#orders[stratum]!.subarray(this.#counts[look - 1]?.[stratum] ?? 0, count), (place) => ({
          stratum,
          place,
        })),
      ),
    )
  }

  /**
   * @param look after which part
   * @param values of the trial; those of units that come later are not read
   * @param others of the other trial, whole
   * @param expected differences of all units
   */
  compare(look: number, values: UnitValues, others: UnitValues, expected: UnitValues): Comparison {
    let difference = 0
    let variance = 0
    let spread = 0
    this.strata.forEach(({ weight, clusters: { length } }, stratum) => {
      const count = this.#counts[look]![stratum]!
      const drawn = this.#orders[stratum]!.subarray(0, count)
      const [own, other, guess] = [values[stratum]!, others[stratum]!, expected[stratum]!]
      const rest = Float64Array.from(drawn, (place) => own[place]! - other[place]! - guess[place]!)
      const middle = mean(rest)
      difference += weight * (mean(guess) + middle)
      if (count === length) return
      const squares = rest.reduce((sum, value) => sum + (value - middle) ** 2, 0)
      const part = weight ** 2 * (1 - count / length) * (squares / (count - 1) / count)
      variance += part
      spread += part ** 2 / (count - 1)
    })
    // Values that do not differ at all say nothing of their spread.
    const tests = this.#counts.length - 1
    const isWorse =
      variance > 0 &&
      difference > 0 &&
      studentTail(difference / Math.sqrt(variance), variance ** 2 / spread) < (this.level * TESTED_PART) / tests
    return { difference, isWorse }
  }
}

/** Counts of units by look: those that are far enough apart, and the last. */
function looksApart(counts: readonly (readonly number[])[]): (readonly number[])[] {
  const sizes = counts.map((own) => own.reduce((sum, count) => sum + count, 0))
  const all = sizes.at(-1)!
  let before = 0
  return counts.filter((_, look) => {
    const size = sizes[look]!
    const isLast = look === counts.length - 1
    if (!isLast && (size < (1 + LEAST_NEW) * before || all < (1 + LEAST_NEW) * size)) return false
    before = size
    return true
  })
}

/** Fisher and Yates. */
function randomOrder(length: number, random: TorchGenerator): Uint32Array {
  const order = Uint32Array.from({ length }, (_, index) => index)
  const draws = random.rand(length)
  for (let last = length - 1; last > 0; last--) {
    const other = Math.min(last, Math.floor(draws[last]! * (last + 1)))
    ;[order[last], order[other]] = [order[other]!, order[last]!]
  }
  return order
}
