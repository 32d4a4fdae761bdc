import type { Aim } from '../../../contract/evaluate/search/aims'
import type { Grouping, RaceRound, SearchStrategy } from '../../../contract/evaluate/search/search'
import type { AimedScores } from './objectives/aimed-objective'
import type { SearchShare } from './parts/parts-in-step'

/** What a search of a merge's weights is asked for. */
export interface MergeSearchOptions {
  strategy: SearchStrategy
  trials: number
  /** What of a model shares a weight; CMA-ES alone. */
  groups: Grouping
  seed: number
  /** Trials that are certainly worse end early. */
  race: boolean
  /** A trial if absent. Rounds of one trial leave the most to the race, those of a generation the most to share out. */
  rounds?: RaceRound
  /** What the weights are to be best at, each once; the loss if absent. */
  aims?: readonly Aim[]
  /** Where an aim is a score: whose captions are drawn, and where the scorers lie. */
  scores?: AimedScores | null
  /** How this process shares it with others that fill the run's folder of results; null: it is measured here. */
  shared?: SearchShare | null
}
