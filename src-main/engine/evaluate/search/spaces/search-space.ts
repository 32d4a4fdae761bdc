import type { ModelEntry } from '../../../../contract/document/project'

/** What a search changes of a merge, as numbers of at least 0. */
export interface SearchSpace {
  /** Where it begins. */
  start: number[]
  /** How far around that it begins to look. */
  spread: number
  /** The models of the merge, base first, that numbers stand for. */
  modelsOf(numbers: readonly number[]): ModelEntry[]
}
