import { expect, it } from 'vitest'
import { familyOf, type Relative } from '../../../src-renderer/features/metadata/family-tree'

const hash = (letter: string): string => letter.repeat(64)
/** 'merged = soup(a, b = Weighted sum(c, d))' */
const words = ({ name, method, parents }: Relative): string =>
  parents.length === 0 ? name : `${name} = ${method}(${parents.map(words).join(', ')})`

const table = {
  [hash('a')]: { name: 'a', sd_merge_recipe: null },
  [hash('b')]: {
    name: 'b',
    sd_merge_recipe: { interp_method: 'Weighted sum', primary_model_hash: hash('c'), secondary_model_hash: hash('d') },
  },
  [hash('c')]: { name: 'c', sd_merge_recipe: null },
}

it('tells the ancestors of this program’s merges, also of merges inside merges and of other programs', () => {
  const inner = {
    method: 'soup',
    models: [
      { name: 'x', files: [] },
      { name: 'y', files: [{ sha256: hash('a') }] },
    ],
  }
  const recipe = {
    method: 'featurefusion',
    models: [
      { name: 'base', weight: 1, files: [{ sha256: hash('a') }] },
      { name: 'b', weight: 0.5, files: [{ sha256: hash('b') }] },
      { name: 'dropped', enabled: false, files: [{ sha256: hash('c') }] },
      { name: 'inner', files: [{ sha256: hash('e') }], recipe: inner },
    ],
  }
  const family = familyOf('merged', {
    'featurefusion.recipe': JSON.stringify(recipe),
    sd_merge_models: JSON.stringify(table),
  })!
  expect(words(family)).toBe('merged = featurefusion(base, b = Weighted sum(c, dddddddddd), inner = soup(x, y))')
  expect(family.parents[1]).toMatchObject({ weight: 0.5, sha256: hash('b') })
})

it('tells those of A1111’s merges, and ends where a file names itself', () => {
  const itself = { name: 'loop', sd_merge_recipe: { interp_method: 'Weighted sum', primary_model_hash: hash('f') } }
  const family = familyOf('merged', {
    sd_merge_recipe: JSON.stringify({
      interp_method: 'Add difference',
      primary_model_hash: hash('b'),
      tertiary_model_hash: hash('f'),
    }),
    sd_merge_models: JSON.stringify({ ...table, [hash('f')]: itself }),
  })!
  expect(words(family)).toMatch(
    /^merged = Add difference\(b = Weighted sum\(c, dddddddddd\), loop = Weighted sum\(loop/,
  )
  expect(words(family).length).toBeLessThan(2000)
})

it('tells no more of a family than can be looked at', () => {
  const all = ['a', 'b', 'c'].map(hash)
  const places = { primary_model_hash: all[0], secondary_model_hash: all[1], tertiary_model_hash: all[2] }
  const everyone = Object.fromEntries(all.map((one) => [one, { name: 'x', sd_merge_recipe: places }]))
  const count = ({ parents }: Relative): number => parents.reduce((sum, parent) => sum + count(parent), 1)
  const family = familyOf('m', { sd_merge_recipe: JSON.stringify(places), sd_merge_models: JSON.stringify(everyone) })!
  expect(count(family)).toBeLessThan(500)
})

it('tells none where nothing, or rubbish, is said', () => {
  for (const text of ['', '{', '[]', '{"models":7,"method":"x"}', '{"method":"soup","models":[1]}', 'null'])
    expect(familyOf('m', { 'featurefusion.recipe': text, sd_merge_recipe: text, sd_merge_models: text })).toBeNull()
})
