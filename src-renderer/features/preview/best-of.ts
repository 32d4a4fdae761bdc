import type { ScorerName } from '../../../src-main/contract/evaluate/scores/scorers'
import type { Picture } from '../../../src-main/contract/preview'
import { groupBy } from '../../../src-main/contract/values/group-by'

/** A picture's place among those of its prompt. */
export interface Rank {
  score: number
  /** 1: the best; equal scores have equal ranks. */
  rank: number
  /** Pictures of the prompt that were scored. */
  of: number
}

/** Pictures of each prompt by what a scorer says of them, by their ids; those that it did not score are left out. */
export function ranksOf(
  pictures: readonly Pick<Picture, 'id' | 'settings' | 'scores'>[],
  scorer: ScorerName,
): Map<string, Rank> {
  const scored = pictures.flatMap(({ id, settings, scores }) => {
    const score = scores?.[scorer]
    return score === undefined ? [] : [{ id, prompt: settings.prompt, score }]
  })
  const ranks = [...groupBy(scored, ({ prompt }) => prompt).values()].flatMap((own) =>
    own.map(({ id, score }): [string, Rank] => {
      const better = own.filter((other) => other.score > score).length
      return [id, { score, rank: better + 1, of: own.length }]
    }),
  )
  return new Map(ranks)
}
