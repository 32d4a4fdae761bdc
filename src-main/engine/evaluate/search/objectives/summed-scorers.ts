import { scorerOf, type Aim } from '../../../../contract/evaluate/search/aims'
import { SCORER_DESCRIPTIONS, type ScorerFiles, type ScorerName } from '../../../../contract/evaluate/scores/scorers'
import { FusionError } from '../../../../contract/errors'
import { gigabytes } from '../../../runtime/memory'
import { loadScorer, scorerMemory } from '../../scores/load-scorer'
import type { PictureScorer, ScoredPicture, ScorerOptions } from '../../scores/picture-scorer'

/**
 * Bytes of weights that the scorers of a sum may hold together: every picture of every trial needs all of them, so none is
 * loaded anew for each. PickScore and HPS v2, two CLIP models of ViT-H with 986 million parameters in float32, are 7.9e9.
 */
const MOST_BYTES = 8e9

/** What judges drawn pictures in a search: one scorer, or the weighted sum of several. */
export class SummedScorers implements Pick<PictureScorer, 'scores' | 'release'> {
  private constructor(private readonly terms: readonly { scorer: PictureScorer; factor: number }[]) {}

  /**
   * Loads the scorers of some aims; null where the loss alone is aimed at. They stay in memory beside the network.
   * @throws FusionError 'out-of-memory' before anything is loaded, for several that take more than MOST_BYTES; what
   *   loadScorer throws
   */
  static async load(
    aims: readonly Aim[],
    files: ScorerFiles,
    options: ScorerOptions,
    most = MOST_BYTES,
  ): Promise<SummedScorers | null> {
    const wanted = aims.flatMap((aim) => {
      const name = scorerOf(aim)
      return name === null ? [] : [{ name, factor: aim.factor }]
    })
    if (wanted.length === 0) return null
    if (wanted.length > 1) await requireTogether(wanted, files, options, most)
    const terms: { scorer: PictureScorer; factor: number }[] = []
    try {
      for (const { name, factor } of wanted) terms.push({ scorer: await loadScorer(name, files, options), factor })
    } catch (error) {
      await releaseAll(terms)
      throw error
    }
    return new SummedScorers(terms)
  }

  async scores(pictures: readonly ScoredPicture[], prompt: string): Promise<number[]> {
    const sums = pictures.map(() => 0)
    for (const { scorer, factor } of this.terms)
      (await scorer.scores(pictures, prompt)).forEach((score, index) => (sums[index]! += factor * score))
    return sums
  }

  release(): Promise<void> {
    return releaseAll(this.terms)
  }
}

async function releaseAll(terms: readonly { scorer: PictureScorer }[]): Promise<void> {
  for (const { scorer } of terms) await scorer.release()
}

async function requireTogether(
  wanted: readonly { name: ScorerName }[],
  files: ScorerFiles,
  options: ScorerOptions,
  most: number,
): Promise<void> {
  let total = 0
  const parts: string[] = []
  for (const { name } of wanted) {
    const bytes = await scorerMemory(name, files, options)
    total += bytes
    parts.push(`${SCORER_DESCRIPTIONS[name].label} ${gigabytes(bytes)}`)
  }
  if (total <= most) return
  throw new FusionError(
    'out-of-memory',
    `The scorers of this sum take ${gigabytes(total)} beside the network, and at most ${gigabytes(most)} are allowed: ${parts.join(', ')}.`,
    { hint: 'Aim at fewer of them, and score the result by the others.' },
  )
}
