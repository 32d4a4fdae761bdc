import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { restoreRecipe } from '../../../../src-main/project/restore-recipe'
import { merge, readModel, temporaryFolder } from '../../engine/merge/models'

/** Three small models, and what sd-mecha and mergekit themselves made of them; make.py says how. */
const FOLDER = join(import.meta.dirname, 'merged')
const NAMES = readdirSync(FOLDER)
const RECIPES = NAMES.filter((name) => name.endsWith('.yml') || name.startsWith('mecha-'))

it('covers what both programs were asked for', () => {
  expect(RECIPES).toHaveLength(39)
})

it.each(RECIPES)('%s is merged to the same values as by the program that wrote it', async (name) => {
  const folder = temporaryFolder()
  const { project, missing } = await restoreRecipe(join(FOLDER, name), {
    cacheFolder: join(folder, 'cache'),
    mayRead: async () => true,
  })
  expect(missing).toEqual([])
  await merge(project, join(folder, 'own.safetensors'))
  const [own, theirs] = await Promise.all([
    readModel(join(folder, 'own.safetensors')),
    readModel(join(FOLDER, name.replace(/\.yml$/, '.safetensors'))),
  ])
  expect([...own.keys()].sort()).toEqual([...theirs.keys()].sort())
  for (const [key, { values }] of theirs) {
    const apart = values.map((value, index) => Math.abs(value - own.get(key)!.values[index]!))
    expect(Math.max(...apart), key).toBeLessThan(2e-5)
  }
})
