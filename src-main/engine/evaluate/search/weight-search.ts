import { FusionError } from '../../../contract/errors'
import { CmaEs } from './cma-es'
import { Trials, type SearchOptions, type SearchResult, type Trial, type TrialScorer } from './weight-trials'

export interface WeightSearchOptions extends SearchOptions {
  /** Trials, the start included. */
  trials?: number
  seed?: number
  /** How far around the start the search begins to look. */
  spread?: number
  /** Trials of a round: a generation if absent. */
  together?: number
}

const DEFAULT_TRIALS = 100
const DEFAULT_SPREAD = 0.3
/** Candidates that may be asked for per trial. */
const MOST_ASKED = 10

/**
 * Searches weights of at least 0 by CMA-ES, the method that the field searches merges with; npm has no library of it
 * whose score may be asynchronous. The first trial is the start, alone; then come generations of candidates. Weights below
 * 0 become exactly 0: the model is dropped.
 * @param start where to begin; at least one weight above 0
 * @throws FusionError 'validation' (no such start), 'cancelled' where it was stopped before the first trial; what the
 *   score throws
 */
export function searchWeights(
  start: readonly number[],
  score: TrialScorer,
  {
    trials: most = DEFAULT_TRIALS,
    seed = 0,
    spread = DEFAULT_SPREAD,
    together = Infinity,
    ...options
  }: WeightSearchOptions = {},
): Promise<SearchResult> {
  if (!start.every((weight) => weight >= 0 && Number.isFinite(weight)) || !start.some((weight) => weight > 0))
    throw new FusionError('validation', 'A search must start from weights of at least 0, one of them above it.')
  const trials = new Trials(score, options)
  const strategy = new CmaEs(start, spread, seed)
  return trials.collect(async () => {
    await trials.run([start])
    // Candidates that were tried before, or drop every model, are no trials: a search that has settled must end as well.
    for (let asked = 0; asked < MOST_ASKED * most && trials.list.length < most;) {
      const generation: number[][] = []
      for (; generation.length < strategy.candidates && asked < MOST_ASKED * most; asked++) {
        const candidate = strategy.ask().map((weight) => Math.max(0, weight))
        if (candidate.some((weight) => weight > 0)) generation.push(candidate)
      }
      const tried: Trial[] = []
      while (tried.length < generation.length && trials.list.length < most) {
        const round = generation.slice(tried.length, tried.length + together)
        tried.push(...(await trials.run(round, most)))
      }
      if (tried.length === strategy.candidates)
        strategy.tell(tried.map(({ weights: candidate, score, isStopped }) => ({ candidate, score, isStopped })))
    }
  })
}
