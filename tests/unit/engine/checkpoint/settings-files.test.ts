import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, it } from 'vitest'
import { settingsFilesOf } from '../../../../src-main/engine/checkpoint/settings-files'
import { temporaryFolder } from '../merge/models'

async function settingsOf(folder: string, model: string): Promise<string[]> {
  return (await settingsFilesOf(join(folder, model))).map(({ path }) => relative(folder, path))
}

function write(folder: string, names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), '{}')
  }
}

it('of a folder are those in it and in its folders, but no hidden ones', async () => {
  const folder = temporaryFolder()
  const own = ['model/model_index.json', 'model/scheduler/scheduler_config.json', 'model/tokenizer/merges.txt']
  const others = ['model/.export.json', 'model/.cache/x.json', 'model/unet/model.safetensors', 'model/a/b/c.json']
  write(folder, [...own, ...others, 'config.json'])
  mkdirSync(join(folder, 'model', 'folder.json'))
  expect(await settingsOf(folder, 'model')).toEqual(own)
})

it('of a single file are the configurations with its name, and config.json beside it', async () => {
  const folder = temporaryFolder()
  write(folder, ['a.v1.safetensors', 'a.v1.yaml', 'a.v1.yml', 'config.json', 'a.yaml', 'b.yaml', 'a.v1.json'])
  expect(await settingsOf(folder, 'a.v1.safetensors')).toEqual(['config.json', 'a.v1.yaml', 'a.v1.yml'])
})

it('of what is not there is an error that names it', async () => {
  const missing = join(temporaryFolder(), 'missing')
  await expect(settingsFilesOf(missing)).rejects.toMatchObject({
    kind: 'not-found',
    message: expect.stringContaining(missing),
  })
})
