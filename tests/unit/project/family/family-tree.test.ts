import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Relative } from '../../../../src-main/contract/document/family'
import { projectSchema } from '../../../../src-main/contract/document/project'
import { familyOf } from '../../../../src-main/project/family/family-tree'
import { merge, temporaryFolder } from '../../engine/merge/models'
import { readSafetensors } from '../../../../src-main/engine/checkpoint/containers/safetensors'

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

const mecha = (name: string): string => readFileSync(new URL(`../foreign/mecha/${name}.mecha`, import.meta.url), 'utf8')

it.each([
  ['weighted-sum', 'm = weighted_sum(a, b)'],
  ['weighted-sum-of-sums', 'm = weighted_sum(a merge = weighted_sum(a, b), c)'],
  ['add-difference', 'm = add_difference(a, b, c)'],
  ['ties', 'm = add_difference(c, a merge = ties_sum(a, c, b))'],
  ['lora', 'm = add_difference(a merge = weighted_sum(a, b), style)'],
])('tells those of sd-mecha’s merges: %s', (name, told) => {
  expect(words(familyOf('m', { mecha_recipe: mecha(name) })!)).toBe(told)
})

it('tells the ancestors of merges of merges, whichever program made each of them', async () => {
  const folder = temporaryFolder()
  const real = (name: string): string => join(import.meta.dirname, '../foreign/merged', `${name}.safetensors`)
  const models = ['mecha-weighted-sum-of-sums', 'a', 'b', 'c'].map((name) => ({ name, path: real(name) }))
  const first = join(folder, 'first.safetensors')
  const second = join(folder, 'second.safetensors')
  const soupOf = (...entries: { name: string; path: string }[]) =>
    projectSchema.parse({
      format: 'featurefusion-project',
      version: 1,
      models: entries.map((entry, index) => ({ ...entry, weight: index + 1 })),
      method: { name: 'soup' },
    })
  await merge(soupOf(...models), first)
  await merge(soupOf({ name: 'c', path: real('c') }, { name: 'first', path: first }), second)
  const { metadata } = await readSafetensors(second)
  const family = familyOf('second', metadata)!
  const mechas = 'mecha-weighted-sum-of-sums = weighted_sum(a merge = weighted_sum(a, b), c)'
  expect(words(family)).toBe(`second = soup(c, first = soup(${mechas}, a, b, c))`)
  // A1111’s own recipe would name three of its four models, and no weight.
  expect(family.parents[1]!.parents.map(({ weight }) => weight)).toEqual([1, 2, 3, 4])
})

it('tells no more of a family than can be looked at of this program’s and sd-mecha’s recipes, either', () => {
  const files = [{ sha256: hash('a') }]
  const twins = { method: 'soup', models: [1, 2, 3].map(() => ({ name: 'x', files })) }
  const own = { 'featurefusion.recipe': JSON.stringify(twins) }
  const table = { [hash('a')]: { name: 'x', 'featurefusion.recipe': twins } }
  const count = ({ parents }: Relative): number => parents.reduce((sum, parent) => sum + count(parent), 1)
  expect(count(familyOf('m', { ...own, sd_merge_models: JSON.stringify(table) })!)).toBeLessThan(500)
  const of = { [hash('a')]: { name: 'x', mecha_recipe: mecha('ties') } }
  const many = { method: 'soup', models: Array.from({ length: 300 }, () => ({ name: 'x', files })) }
  const family = familyOf('m', { 'featurefusion.recipe': JSON.stringify(many), sd_merge_models: JSON.stringify(of) })!
  expect(count(family)).toBeLessThan(500)
})

it('tells none of sd-mecha’s that have no end, or cannot be read', () => {
  const lines = Array.from({ length: 60 }, (_, at) => `merge "subtract" &${at} &${Math.max(0, at - 1)}`)
  const text = ['version 0.1.0', 'model "a"', ...lines, 'model "b"', 'merge "weighted_sum" &60 &61'].join('\n')
  expect(familyOf('m', { mecha_recipe: text })).toBeNull()
  for (const rubbish of ['', 'version 9', 'version 0.1.0', 'version 0.1.0\nmerge "x" &7', 'version 0.1.0\nmodel "a"'])
    expect(familyOf('m', { mecha_recipe: rubbish })).toBeNull()
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
