import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { OpenedModels } from '../../../src-main/app/models/opened-models'
import type { Checkpoint } from '../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { family } from '../demo-family'
import { tensor, writeModel } from '../engine/merge/models'
import { TestServer } from '../server/server'

vi.mock(import('../../../src-main/engine/checkpoint/open'), async (load) => {
  const open = await load()
  return { ...open, openCheckpoint: vi.fn(open.openCheckpoint) }
})

/** How often each path was opened since. */
function openings(): number[] {
  const paths = vi.mocked(openCheckpoint).mock.calls.map(([path]) => path)
  return [...new Set(paths)].map((path) => paths.filter((other) => other === path).length)
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'opened-'))
  vi.mocked(openCheckpoint).mockClear()
})
afterEach(() => rmSync(folder, { recursive: true }))

it('all that the cards of a project ask opens every model once', async () => {
  const server = await TestServer.start()
  try {
    const { models } = server.running.studio.project.state.project
    const paths = models.map(({ path }) => path)
    vi.mocked(openCheckpoint).mockClear()
    const described = server.invoke('models.describe', { paths })
    const compatible = server.invoke('models.compatibility', {})
    const network = server.invoke('models.layers', {})
    expect((await described).models.map(({ error }) => error)).toEqual(paths.map(() => null))
    expect((await compatible).problems).toEqual([])
    expect((await network).layers.length).toBeGreaterThan(100)
    expect(openings()).toEqual(paths.map(() => 1))
  } finally {
    await server.close()
  }
})

it('a file, the configs beside it, and the files of a folder count as they are now', async () => {
  const models = new OpenedModels()
  const file = writeModel(join(folder, 'model.safetensors'), { 'a.weight': tensor([2, 2], [1, 2, 3, 4]) })
  const tensors = async (path: string): Promise<string[]> => {
    return [...((await models.open(path)) as Checkpoint).components.values()].flatMap((component) => [
      ...component.tensors.keys(),
    ])
  }
  expect(await tensors(file)).toEqual(['a.weight'])
  expect(await tensors(file)).toEqual(['a.weight'])
  expect(openings()).toEqual([1])
  writeModel(file, { 'other.weight': tensor([2, 2], [1, 2, 3, 4]) })
  expect(await tensors(file)).toEqual(['other.weight'])
  writeFileSync(join(folder, 'config.json'), '{}')
  await tensors(file)
  expect(openings()).toEqual([3])

  const pipeline = join(folder, 'pipeline')
  cpSync(family.base.path, pipeline, { recursive: true })
  const config = join(pipeline, 'unet', 'config.json')
  const sampleSize = async (): Promise<unknown> =>
    ((await models.open(pipeline)) as Checkpoint).components.get('unet')!.config!['sample_size']
  await sampleSize()
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), sample_size: 24 }))
  expect(await sampleSize()).toBe(24)
  mkdirSync(join(pipeline, 'more'))
  await sampleSize()
  expect(openings().at(-1)).toBe(3)
})

it('what cannot be opened is tried again, and says why each time', async () => {
  const models = new OpenedModels()
  const file = join(folder, 'model.safetensors')
  await expect(models.open(file)).rejects.toMatchObject({ kind: 'not-found' })
  writeFileSync(file, 'no weights')
  for (let round = 0; round < 2; round++) await expect(models.open(file)).rejects.toMatchObject({ kind: 'malformed' })
})
