import { FusionError } from '../../../contract/errors'
import { throwIfCancelled } from '../../cancel'

/** What each of some weights is worth: less is better (a mean denoising loss on pictures that the search never sees). */
export type WeightCheck = (weights: readonly (readonly number[])[]) => Promise<number[]>

/** What a trial was found to be worth. */
export interface TrialScore {
  score: number
  /**
   * It was certainly worse than the best trial of the rounds before it, and not measured to its end: its score is an
   * estimate, worse than that one's.
   */
  isStopped: boolean
}

/**
 * Scores trials of one round, in their order. None of them depends on what another one is worth, so they may be
 * measured in any order, and by whom it may be.
 */
export type TrialScorer = (round: readonly (readonly number[])[]) => AsyncIterable<TrialScore>

/** Weights that a search tried. */
export interface Trial {
  index: number
  weights: readonly number[]
  /** Infinity where the score was no number. */
  score: number
  isStopped: boolean
  /** Whether no trial before it was as good. */
  isBest: boolean
}

export interface SearchOptions {
  /** Ends the search with the best so far. */
  signal?: AbortSignal
  onTrial?: (trial: Trial) => void
  /** The score on data that the search never sees: what its result is worth, without the luck of having been chosen. */
  check?: WeightCheck
}

export interface SearchResult {
  /** Where the search began. */
  start: Trial
  best: Trial
  trials: Trial[]
  /** Whether it was stopped before its end. */
  stopped: boolean
  /** The check of the start and of the best; null without one, or if the search was stopped. */
  check: { start: number; best: number } | null
}

/** Scores weights in rounds, remembers them, and knows when to stop. */
export class Trials {
  readonly list: Trial[] = []
  readonly #known = new Map<string, Trial>()
  readonly #score: TrialScorer
  readonly #options: SearchOptions
  #best: Trial | undefined

  constructor(score: TrialScorer, options: SearchOptions) {
    this.#score = score
    this.#options = options
  }

  /**
   * Tries weights; those that were tried before cost nothing and are no new trial.
   * @param most trials in all: weights beyond are not tried
   * @returns what is known of them then, in their order
   * @throws FusionError 'cancelled' once the signal is aborted; what the score throws
   */
  async run(round: readonly (readonly number[])[], most = Infinity): Promise<Trial[]> {
    throwIfCancelled(this.#options.signal)
    const asked = new Map(round.map((weights) => [weights.join(), weights]))
    const fresh = [...asked].filter(([key]) => !this.#known.has(key)).slice(0, most - this.list.length)
    if (fresh.length > 0) {
      const left = fresh.map(([, weights]) => weights)
      let done = 0
      for await (const found of this.#score(left)) {
        this.#add(left[done++]!, found)
        throwIfCancelled(this.#options.signal)
      }
    }
    return round.flatMap((weights) => this.#known.get(weights.join()) ?? [])
  }

  #add(weights: readonly number[], { score: value, isStopped }: TrialScore): void {
    const score = Number.isNaN(value) ? Infinity : value
    const isBest = !this.#best || (!isStopped && score < this.#best.score)
    const trial = { index: this.list.length, weights: [...weights], score, isStopped, isBest }
    if (isBest) this.#best = trial
    this.list.push(trial)
    this.#known.set(weights.join(), trial)
    this.#options.onTrial?.(trial)
  }

  /**
   * Runs a search to its end, or to a stop.
   * @param chosen says afterwards which trial's weights are the result; null: the best one's
   * @throws FusionError 'cancelled' where it was stopped before the first trial; what the score throws
   */
  async collect(
    search: () => Promise<void>,
    chosen: () => readonly number[] | null = () => null,
  ): Promise<SearchResult> {
    let stopped = false
    try {
      await search()
    } catch (error) {
      if (!this.#isStop(error) || !this.#best) throw error
      stopped = true
    }
    const start = this.list[0]!
    const best = this.#known.get(chosen()?.join() ?? '') ?? this.#best!
    const { check } = this.#options
    let checked: SearchResult['check'] = null
    try {
      if (check && !stopped) {
        const values = await check(best === start ? [start.weights] : [start.weights, best.weights])
        checked = { start: values[0]!, best: values.at(-1)! }
      }
    } catch (error) {
      if (!this.#isStop(error)) throw error
      stopped = true
    }
    return { start, best, trials: this.list, stopped, check: checked }
  }

  #isStop(error: unknown): boolean {
    return error instanceof FusionError && error.kind === 'cancelled' && this.#options.signal?.aborted === true
  }
}

/** Sorts what is scored, best first; what has no score (Infinity) comes last. */
export function bestFirst<T extends { score: number }>(scored: readonly T[]): T[] {
  return [...scored].sort((a, b) => (a.score < b.score ? -1 : a.score > b.score ? 1 : 0))
}
