import { groupBy } from '../../../contract/values/group-by'
import type { ScorerFiles, ScorerName } from '../../../contract/evaluate/scores/scorers'
import { isMeasured } from '../measured/not-measured'
import type { NamedPicture } from './named-pictures'
import { batchesOf, PictureScores, type ScoringOptions } from './picture-scores'

/** The least part of scoring that a share can have: pictures that one scorer sees together. */
export interface ScoreUnit {
  scorer: ScorerName
  pictures: readonly NamedPicture[]
  /** Pictures. */
  cost: number
  /** For people. */
  name: string
}

/** All parts, one scorer after the other, so that each scorer is loaded by as few shares as possible. */
export function scoreUnits(scorers: readonly ScorerName[], pictures: readonly NamedPicture[]): ScoreUnit[] {
  return scorers.flatMap((scorer) =>
    batchesOf(scorer, pictures).map((batch) => {
      const more = batch.length > 1 ? ` and ${batch.length - 1} more` : ''
      return { scorer, pictures: batch, cost: batch.length, name: `${scorer} of ${batch[0]!.file}${more}` }
    }),
  )
}

/**
 * Scores parts, or finds them scored.
 * @param onProgress hears of the scorer and of the part of all that is done
 * @throws what PictureScores throws
 */
export async function measureScores(
  units: readonly ScoreUnit[],
  files: ScorerFiles,
  scoring: ScoringOptions,
  onProgress?: (scorer: ScorerName, fraction: number) => void,
): Promise<void> {
  let done = 0
  for (const [name, own] of groupBy(units, ({ scorer }) => scorer)) {
    const scorer = await PictureScores.open(name, files, scoring)
    try {
      for (const { pictures } of own) {
        await scorer.of(pictures)
        onProgress?.(name, ++done / units.length)
      }
    } finally {
      await scorer.release()
    }
  }
}

/** The parts that nobody has scored yet. @param scoring its results are gathered */
export async function missingScores(
  units: readonly ScoreUnit[],
  files: ScorerFiles,
  scoring: ScoringOptions,
): Promise<ScoreUnit[]> {
  const missing: ScoreUnit[] = []
  for (const unit of units) if (!(await isMeasured(() => measureScores([unit], files, scoring)))) missing.push(unit)
  return missing
}
