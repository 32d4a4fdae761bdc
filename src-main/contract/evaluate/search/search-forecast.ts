import { sum } from '../../values/sum'
import { drawingRuns } from '../../preview'
import { isOfScores, scorerOf } from './aims'
import type { SearchRequest } from './search'
import type { ScoreSettings } from '../settings'

/** What a search takes at most: races spare a part of it, and captions may be alike. */
export interface SearchForecast {
  /** Runs of the network on one picture that a trial takes. */
  ofTrial: number
  /** Pictures that it draws. */
  drawn: number
  /** Runs of all trials and of what they are compared with; null where nobody knows how many trials there will be. */
  all: number | null
}

/** @param counts pictures of each domain that take part: one half chooses, the other judges */
export function searchForecast(
  { strategy, trials, aims }: Pick<SearchRequest, 'strategy' | 'trials' | 'aims'>,
  counts: readonly number[],
  timesteps: number,
  drawing: ScoreSettings,
): SearchForecast {
  const choosing = counts.map((count) => Math.ceil(count / 2))
  const judging = counts.map((count) => Math.floor(count / 2))
  const draws = aims.some((aim) => scorerOf(aim) !== null)
  const drawnOf = (half: readonly number[]): number =>
    draws ? drawing.seeds * sum(half.map((count) => Math.min(count, drawing.prompts))) : 0
  const runsOf = (half: readonly number[]): number =>
    (isOfScores(aims) ? 0 : timesteps * sum(half)) + drawingRuns(drawnOf(half), drawing)
  const ofTrial = runsOf(choosing)
  // The base and the plain average are measured on both halves; start and best are judged.
  const compared = 2 * ofTrial + 4 * runsOf(judging)
  return { ofTrial, drawn: drawnOf(choosing), all: strategy === 'cma-es' ? trials * ofTrial + compared : null }
}
