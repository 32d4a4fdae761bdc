import type { BootstrapOptions, Estimate, Interval } from '../../../contract/evaluate/losses'
import { TorchGenerator } from '../../random'

export const BOOTSTRAP_DEFAULTS: BootstrapOptions = { resamples: 2000, seed: 0, confidence: 0.95 }

/** Draws pictures with replacement, the same ones for every figure: differences and ratios stay paired. */
export class Bootstrap {
  readonly options: BootstrapOptions
  readonly #draws = new Map<number, Uint32Array[]>()

  constructor(options: Partial<BootstrapOptions> = {}) {
    this.options = { ...BOOTSTRAP_DEFAULTS, ...options }
  }

  /**
   * The percentile interval of a figure over some groups of pictures (domains), each drawn anew within itself. The same
   * group in another call gets the same draws.
   * @param groups by their place in the whole table, with how many pictures each has
   * @param figure computes the figure from the drawn indices of every group, in the order of `groups`; what is not
   *   finite for a drawn set is left out
   * @returns null where no set gives a figure, or a group has fewer than two pictures
   */
  interval(
    groups: readonly { place: number; count: number }[],
    figure: (drawn: readonly Uint32Array[]) => number,
  ): Interval | null {
    const { resamples, confidence } = this.options
    if (groups.some(({ count }) => count < 2)) return null
    const draws = groups.map(({ place, count }) => this.#of(place, count))
    const values = Array.from({ length: resamples }, (_, set) => figure(draws.map((own) => own[set]!)))
    const sorted = Float64Array.from(values.filter(Number.isFinite)).sort()
    if (sorted.length === 0) return null
    const tail = (1 - confidence) / 2
    return { low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) }
  }

  #of(place: number, count: number): Uint32Array[] {
    let draws = this.#draws.get(place)
    if (!draws) {
      const generator = new TorchGenerator(this.options.seed + place)
      draws = Array.from({ length: this.options.resamples }, () =>
        generator.words(count).map((word) => Math.floor((word / 2 ** 32) * count)),
      )
      this.#draws.set(place, draws)
    }
    return draws
  }
}

/** Linear interpolation between the two nearest of sorted values (numpy's default). */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = share * (sorted.length - 1)
  const below = sorted[Math.floor(at)]!
  return below + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - below)
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum / values.length
}

/** The mean of the drawn values. */
export function meanOf(values: ArrayLike<number>, drawn: Uint32Array): number {
  let sum = 0
  for (let i = 0; i < drawn.length; i++) sum += values[drawn[i]!]!
  return sum / drawn.length
}

/**
 * The mean of independent estimates; its interval from theirs, whose arms add up as squares (Zou and Donner's MOVER, 2008).
 */
export function meanOfEstimates(estimates: readonly Estimate[]): Estimate {
  const value = mean(estimates.map((estimate) => estimate.value))
  const arm = (end: 'low' | 'high'): number | null => {
    let squares = 0
    for (const estimate of estimates) {
      if (!estimate.interval) return null
      squares += (estimate.value - estimate.interval[end]) ** 2
    }
    return Math.sqrt(squares) / estimates.length
  }
  const [low, high] = [arm('low'), arm('high')]
  return { value, interval: low === null || high === null ? null : { low: value - low, high: value + high } }
}
