import { FusionError } from '../../../contract/errors'
import { picturesOf, type Split } from '../../../contract/evaluate/settings'
import type { EvaluationPicture } from './evaluation-set'

/** Domains and their pictures, before anything is read of them. */
export interface PictureList {
  domains: readonly { name: string; pictures: readonly EvaluationPicture[] }[]
}

/** The pictures of a domain that take part, by their indices in the set. */
export interface ChosenDomain {
  name: string
  pictures: { index: number; picture: EvaluationPicture }[]
}

/**
 * The pictures of a split, at most `most` of each domain; domains without any are left out.
 * @throws FusionError 'validation' where nothing is left
 */
export function chooseSplit({ domains }: PictureList, split: Split, most = Infinity): ChosenDomain[] {
  const chosen = domains.map(({ name, pictures }) => ({
    name,
    pictures: pictures
      .map((picture, index) => ({ index, picture }))
      .filter(({ picture }) => split === 'all' || picture.split === split)
      .slice(0, most),
  }))
  const left = chosen.filter(({ pictures }) => pictures.length > 0)
  if (left.length === 0)
    throw new FusionError(
      'validation',
      `The evaluation data have no ${split === 'all' ? 'pictures' : picturesOf(split)}.`,
      {
        hint: 'Choose another split.',
      },
    )
  return left
}

/** Pictures of all domains. */
export function countPictures(domains: readonly Pick<ChosenDomain, 'pictures'>[]): number {
  return domains.reduce((sum, { pictures }) => sum + pictures.length, 0)
}

/**
 * Parts a choice in two, picture by picture: one to search weights with, one that the search never sees and that says
 * what its result is worth.
 */
export function halves(domains: readonly ChosenDomain[]): [search: ChosenDomain[], check: ChosenDomain[]] {
  const half = (rest: number): ChosenDomain[] =>
    domains.map(({ name, pictures }) => ({ name, pictures: pictures.filter((_, place) => place % 2 === rest) }))
  return [half(0), half(1)]
}
