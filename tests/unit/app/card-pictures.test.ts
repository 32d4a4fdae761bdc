import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { modelKey } from '../../../src-main/app/models/card-pictures'
import { settingsHash } from '../../../src-main/app/models/model-hash'
import { projectSchema } from '../../../src-main/contract/document/project'
import { family } from '../demo-family'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'card-pictures-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

it('pictures on cards are others once a setting of the model or its base is another, wherever these lie', async () => {
  const project = projectSchema.parse({ format: 'featurefusion-project', version: 1, models: [family.base] })
  const [entry] = project.models
  const copies = (place: string): string[] => {
    const paths = ['model', 'base'].map((name) => join(folder, place, name))
    for (const path of paths) cpSync(family.base.path, path, { recursive: true })
    return paths
  }
  const keyOf = async (paths: string[]): Promise<string> => {
    const settingsSha256 = await settingsHash(paths, { cacheFolder: folder })
    return modelKey({ sha256: 'm', baseSha256: 'b', settingsSha256, entry: entry!, project })
  }
  const [one, other] = [copies('one'), copies('other')]
  const key = await keyOf(one)
  expect(await keyOf(other)).toBe(key)
  const keys = [key]
  for (const path of one) {
    appendFileSync(join(path, 'scheduler', 'scheduler_config.json'), '\n')
    keys.push(await keyOf(one))
  }
  expect(new Set(keys).size).toBe(3)
})

it('settings of single files that have none beside them are no hash', async () => {
  const file = join(folder, 'model.safetensors')
  appendFileSync(file, '')
  expect(await settingsHash([file], { cacheFolder: folder })).toBeNull()
})
