import { join } from 'node:path'
import { expect, it } from 'vitest'
import { hashFile } from '../../../../src-main/engine/checkpoint/hash'
import { readForeignMetadata } from '../../../../src-main/project/foreign/read-foreign'
import { restoreRecipe } from '../../../../src-main/project/restore-recipe'
import { temporaryFolder, tensor, writeModel } from '../../engine/merge/models'

const webui = (change: object): string =>
  JSON.stringify({ type: 'webui', interp_method: 'Weighted sum', multiplier: 0.3, save_as_half: false, ...change })

it('becomes a project: a weighted sum, with models that are found by their hashes', async () => {
  const folder = temporaryFolder()
  const cache = join(folder, 'cache')
  const write = (name: string, metadata = {}): string =>
    writeModel(join(folder, `${name}.safetensors`), { 'a.weight': tensor([2, 2], [1, 2, 3, name.length]) }, metadata)
  const [a, b] = [write('first'), write('second')]
  const hashA = await hashFile(a, { cacheFolder: cache })
  const hashB = await hashFile(b, { cacheFolder: cache })
  const merged = write('merged', {
    sd_merge_recipe: webui({ primary_model_hash: hashA, secondary_model_hash: hashB, save_as_half: true }),
    sd_merge_models: JSON.stringify({
      [hashA]: { name: 'models/first.safetensors' },
      [hashB]: { name: '../../etc/b' },
    }),
  })
  const { project, missing, title } = await restoreRecipe(merged, { cacheFolder: cache, mayRead: async () => true })
  expect({ title, missing }).toEqual({ title: 'merged', missing: [] })
  expect(project.method.name).toBe('weighted-sum')
  expect(project.output.dtype).toBe('fp16')
  expect(project.models).toMatchObject([
    { name: 'first', path: a, weight: 1 },
    { name: 'b', path: b, weight: 0.3 },
  ])
  const elsewhere = await restoreRecipe(merged, { cacheFolder: join(folder, 'none'), mayRead: async () => true })
  expect(elsewhere.missing).toEqual(['first', 'b'])
})

it('becomes an added difference, with the third model as the base', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(64))
  const places = { primary_model_hash: a, secondary_model_hash: b, tertiary_model_hash: c }
  const recipe = webui({ interp_method: 'Add difference', ...places })
  expect(readForeignMetadata('m', { sd_merge_recipe: recipe })).toMatchObject({
    method: { name: 'add-difference' },
    models: [
      { sha256: c, weight: 1 },
      { sha256: a, weight: 1 },
      { sha256: b, weight: 0.3 },
    ],
  })
})

it.each([
  [{ sd_merge_recipe: webui({ type: 'supermerger', multiplier: '0.5,0.4' }) }, /supermerger.*multiplier/],
  [{ sd_merge_recipe: webui({ interp_method: 'No interpolation' }) }, /A1111.*No interpolation/],
  [{ sd_merge_recipe: webui({ interp_method: { toString: 1 } }) }, /interp_method/],
  [{ sd_merge_recipe: webui({ primary_model_hash: '12ab' }) }, /primary model/],
  [{ sd_merge_recipe: '{' }, /no recipe/],
  [{}, /no recipe/],
])('%j is refused by name', (metadata, words) => {
  expect(() => readForeignMetadata('m', metadata as Record<string, string>)).toThrow(words)
})
