import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { hashFile } from '../../../../src-main/engine/checkpoint/hash'
import { restoreRecipe } from '../../../../src-main/project/restore-recipe'
import type { ModelSearch } from '../../../../src-main/project/model-search'
import { temporaryFolder, tensor, writeModel } from '../../engine/merge/models'

/** Folders of a person: recipes, and models elsewhere. */
function folders(): { recipes: string; elsewhere: string; search: ModelSearch } {
  const folder = temporaryFolder()
  const recipes = join(folder, 'recipes')
  mkdirSync(recipes)
  const search = { cacheFolder: join(folder, 'cache'), mayRead: async () => true }
  return { recipes, elsewhere: join(folder, 'elsewhere'), search }
}

function model(path: string, seed = 1, metadata: Record<string, string> = {}): string {
  return writeModel(path, { 'a.weight': tensor([2, 2], [seed, 2, 3, 4]) }, { format: 'pt', ...metadata })
}

function mecha(...places: string[]): string {
  const models = places.map((place) => `model ${JSON.stringify(place)} model_config="sd1-ldm" merge_space="weight"`)
  return ['version 0.1.0', ...models, 'merge "weighted_sum" &0 &1 alpha=0.3'].join('\n')
}

it('finds the models that lie beside the recipe, or below its folder', async () => {
  const { recipes, search } = folders()
  const a = model(join(recipes, 'models/a.safetensors'))
  const b = model(join(recipes, 'b.safetensors'), 2)
  const path = join(recipes, 'mine.mecha')
  writeFileSync(path, mecha('models/a.safetensors', '/home/somebody/models/b.safetensors'))
  const { project, missing, title } = await restoreRecipe(path, search)
  expect({ missing, title }).toEqual({ missing: [], title: 'mine' })
  expect(project.models.map((found) => found.path)).toEqual([a, b])
  expect(project.method.name).toBe('weighted-sum')
  // What the base that was found has.
  expect(project.output.include).toEqual(['unet'])
})

it('finds models elsewhere by their names, among files that were hashed and those of the library', async () => {
  const { recipes, elsewhere, search } = folders()
  const [a, b] = [model(join(elsewhere, 'a.safetensors')), model(join(elsewhere, 'sub/b.safetensors'), 2)]
  const path = join(recipes, 'mine.mecha')
  writeFileSync(path, mecha('a.safetensors', 'D:\\models\\b.safetensors'))
  const nowhere = await restoreRecipe(path, search)
  expect(nowhere.missing).toEqual(['a', 'b'])
  expect(nowhere.project.models.map((found) => found.path)).toEqual([
    join(recipes, 'a.safetensors'),
    join(recipes, 'b.safetensors'),
  ])
  expect(nowhere.project.output.include).toEqual(['unet', 'text_encoder', 'vae'])
  await hashFile(a, { cacheFolder: search.cacheFolder })
  const listed = async () => [{ name: 'b', path: b }]
  const found = await restoreRecipe(path, { ...search, listed })
  expect(found.missing).toEqual([])
  expect(found.project.models.map((one) => one.path)).toEqual([a, b])
  // A name that two models have tells neither.
  const twice = async () => [...(await listed()), { name: 'b', path: model(join(elsewhere, 'b.safetensors'), 3) }]
  expect((await restoreRecipe(path, { ...search, listed: twice })).missing).toEqual(['b'])
  const forbidden = await restoreRecipe(path, { ...search, listed, mayRead: async (one) => one !== b })
  expect(forbidden.missing).toEqual(['b'])
})

it('never follows a path out of the recipe’s folder by itself', async () => {
  const { recipes, elsewhere, search } = folders()
  const [a, b] = [model(join(elsewhere, 'a.safetensors')), model(join(elsewhere, 'b.safetensors'), 2)]
  const path = join(recipes, 'mine.mecha')
  writeFileSync(path, mecha(a, '../elsewhere/b.safetensors'))
  expect((await restoreRecipe(path, search)).missing).toEqual(['a', 'b'])
  for (const one of [a, b]) await hashFile(one, { cacheFolder: search.cacheFolder })
  expect((await restoreRecipe(path, search)).missing).toEqual(['b'])
})

it('reads sd-mecha’s recipe in a file that it merged, with the parts of this file', async () => {
  const { recipes, search } = folders()
  model(join(recipes, 'a.safetensors'))
  const merged = model(join(recipes, 'merged.safetensors'), 3, {
    mecha_recipe: mecha('a.safetensors', 'b.safetensors'),
  })
  const { project, missing } = await restoreRecipe(merged, search)
  expect(missing).toEqual(['b'])
  expect(project.models.map(({ weight }) => weight)).toEqual([1, 0.3])
  const broken = model(join(recipes, 'broken.safetensors'), 3, { mecha_recipe: 'version 0.1.0\nmerge "rotate"' })
  await expect(restoreRecipe(broken, search)).rejects.toMatchObject({
    kind: 'unsupported',
    message: expect.stringContaining('“rotate”'),
    hint: expect.any(String),
  })
})

it.each(['config.yml', 'config.YAML', 'notes.txt'])('reads mergekit’s configuration in %s', async (name) => {
  const { recipes, search } = folders()
  const path = join(recipes, name)
  const text =
    'merge_method: slerp\nbase_model: org/one\nmodels: [{model: org/one}, {model: other/one}]\nparameters: {t: 0.4}'
  writeFileSync(path, `\uFEFF${text}`)
  const listed = async () => [{ name: 'org/one', path: join(recipes, 'hub/models--org--one') }]
  const { project, missing } = await restoreRecipe(path, { ...search, listed })
  expect(missing).toEqual(['one 2'])
  expect(project.models).toMatchObject([
    { name: 'one', path: join(recipes, 'hub/models--org--one') },
    { name: 'one 2', path: join(recipes, 'one'), weight: 0.4 },
  ])
})

it('refuses texts that are too large before it reads them', async () => {
  const { recipes, search } = folders()
  const path = join(recipes, 'large.mecha')
  writeFileSync(path, 'x'.repeat(5_000_000))
  await expect(restoreRecipe(path, search)).rejects.toMatchObject({ kind: 'malformed' })
})
