import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { mergedModel, pictureSources, plainModel } from '../../../src-main/app/previews/preview-models'
import { projectSchema } from '../../../src-main/contract/document/project'
import { family } from '../demo-family'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'preview-models-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** All names under which pictures and merged previews of a base, with a VAE of its own to bake in, are kept. */
async function keysOf(base: string, vae: string): Promise<string[]> {
  const models = [{ name: 'base', path: base }, family.specialists[0]!]
  const project = projectSchema.parse({
    ...{ format: 'featurefusion-project', version: 1, models },
    output: { include: ['unet'], vae },
  })
  const [source] = await pictureSources([project.models[0]!])
  return [(await plainModel(project, project.models[0]!)).key, (await mergedModel(project, folder)).key, source!.state]
}

it('pictures, and merges that are only looked at, are others once a setting of a model is another', async () => {
  const [base, vae] = [join(folder, 'base'), join(folder, 'vae')]
  for (const path of [base, vae]) cpSync(family.base.path, path, { recursive: true })
  const before = await keysOf(base, vae)
  expect(await keysOf(base, vae)).toEqual(before)
  appendFileSync(join(base, 'scheduler', 'scheduler_config.json'), '\n')
  const after = await keysOf(base, vae)
  expect(after.filter((key) => before.includes(key))).toEqual([])
  appendFileSync(join(vae, 'vae', 'config.json'), '\n')
  const [plain, merged] = await keysOf(base, vae)
  expect(plain).toBe(after[0])
  expect(merged).not.toBe(after[1])
})
