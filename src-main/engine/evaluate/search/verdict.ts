import type { PairedLosses } from '../../../contract/evaluate/losses'
import type { SearchReport } from '../../../contract/evaluate/search/search'
import { differenceInWords, exceedsTwoErrors } from '../compare/paired-difference'
import { pairedValues, type Stratum, type UnitValues } from './objectives/objective'

/** What a result is compared with, and is itself, in words. */
interface Compared {
  words: string
  found: string
}

/**
 * What the weights found are worth. @param found @param base @param average their losses on the unseen pictures
 * @param isNegated of scores alone: differences are told as they are
 */
export function verdictOf(
  check: { start: number; best: number },
  strata: readonly Stratum[],
  found: UnitValues,
  base: UnitValues,
  average: UnitValues,
  { words: averageInWords, found: noun }: Compared,
  isNegated: boolean,
): NonNullable<SearchReport['check']> {
  const [againstBase, againstSoup] = [pairedValues(strata, found, base), pairedValues(strata, found, average)]
  const against = (difference: PairedLosses, name: string): string => {
    const relation = difference.mean < 0 ? 'better than' : 'worse than'
    return `${exceedsTwoErrors(difference) ? relation : 'not measurably different from'} ${name} (${differenceInWords(isNegated ? negated(difference) : difference)})`
  }
  const words = `On pictures that the search did not use, these ${noun} are ${against(againstSoup, averageInWords)}, and ${against(againstBase, 'the base alone')}.`
  const fits =
    check.best < check.start
      ? ''
      : check.best === check.start
        ? ` No better ${noun} than the first ones were found.`
        : ` They only fit the pictures of the search: the first ${noun} are better.`
  return { ...check, againstBase, againstSoup, verdict: words + fits }
}

function negated({ mean, relative, ...others }: PairedLosses): PairedLosses {
  return { ...others, mean: -mean, relative: -relative }
}
