import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { CommandInput, CommandOutput } from '../../../src-main/contract/protocol/commands'
import type { Job } from '../../../src-main/contract/jobs'
import { decodePng } from '../../../src-main/engine/image/png'
import { prompts } from '../demo-family'
import { TestServer } from './server'

const own = mkdtempSync(join(tmpdir(), 'history-'))
const allowed = join(own, 'allowed')
const folders = { dataFolder: join(own, 'data'), cacheFolder: join(own, 'cache'), allow: [allowed] }
const prompt = prompts[0]!
let server: TestServer

beforeAll(async () => {
  mkdirSync(allowed)
  server = await TestServer.start(folders)
  const { project } = (await server.invoke('app.snapshot', {})).project
  const preview = { ...project.preview, prompts: [prompt], seeds: [4711], steps: 2 }
  await server.invoke('project.edit', { edits: [{ type: 'set-preview', preview }], label: 'Test' })
})
afterAll(async () => {
  await server.close()
  rmSync(own, { recursive: true, force: true })
})

const list = (query: CommandInput<'history.list'> = {}): Promise<CommandOutput<'history.list'>> =>
  server.invoke('history.list', query)

/** The job when it has ended well. */
async function done({ job }: { job: Job }): Promise<Job> {
  for (;;) {
    const found = (await server.invoke('jobs.list', {})).jobs.find(({ id }) => id === job.id)!
    if (found.endedAt !== null) {
      expect(found).toMatchObject({ state: 'done', error: null })
      return found
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function weigh(weight: number): Promise<void> {
  const { models } = (await server.invoke('app.snapshot', {})).project.project
  const model = { ...models[1]!, weight }
  await server.invoke('project.edit', { edits: [{ type: 'set-model', name: model.name, model }], label: 'Weigh' })
}

function pixelsOf(id: string): Uint8Array {
  return decodePng(readFileSync(join(folders.dataFolder, 'previews', `${id}.png`))).data
}

it('keeps pictures and exports with all that made them, newest first, found by their words', async () => {
  expect(await list()).toEqual({ entries: [], more: false, damaged: 0 })
  await done(await server.invoke('preview.run', { variants: [{ type: 'base' }, { type: 'merge' }] }))
  await done(await server.invoke('export.start', { path: join(allowed, 'older') }))
  await weigh(0.25)
  const { sequence } = await server.invoke('app.snapshot', {})
  await done(await server.invoke('export.start', { path: join(allowed, 'newer') }))
  const { events } = await server.invoke('app.events', { after: sequence })
  expect(events!.map(({ event }) => event.type)).toContain('history')

  const { entries } = await list()
  expect(entries.map(({ kind }) => kind)).toEqual(['merge', 'merge', 'pictures'])
  const [newer, older, drawn] = entries
  const { models } = (await server.invoke('app.snapshot', {})).project.project
  expect(newer).toMatchObject({ path: join(allowed, 'newer'), file: 'there', picture: null, fusion: null })
  expect(newer!.merge!.models).toMatchObject(models.map(({ name, path, weight }) => ({ name, path, weight })))
  expect(newer!.merge!.models[1]).toMatchObject({ weight: 0.25, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(older!.merge!.models[1]).toMatchObject({ weight: 1 })
  // What the same weights drew stands for an export.
  expect(drawn).toMatchObject({ count: 2, repeatable: true, labels: null, drawn: { seeds: [4711], prompts: [prompt] } })
  expect(older!.picture).toBe(drawn!.picture)
  expect(await server.invoke('history.pictures', { id: drawn!.id })).toMatchObject({ pictures: { length: 2 } })
  expect(await server.invoke('history.pictures', { id: older!.id })).toMatchObject({
    pictures: [{ settings: { variant: { type: 'merge' } } }],
  })

  const idsOf = async (query: CommandInput<'history.list'>) => (await list(query)).entries.map(({ id }) => id)
  expect(await idsOf({ search: 'newer' })).toEqual([newer!.id])
  expect(await idsOf({ search: `4711 ${prompt.toUpperCase()}` })).toEqual([drawn!.id])
  expect(await idsOf({ search: 'nowhere' })).toEqual([])
  expect(await idsOf({ kind: 'merge' })).toEqual([newer!.id, older!.id])
  expect(await list({ limit: 1 })).toMatchObject({ entries: [{ id: newer!.id }], more: true })
  expect(await idsOf({ before: newer!.time })).toEqual([older!.id, drawn!.id])
})

it('draws again what was drawn, whatever the project is now, and changes nothing in it', async () => {
  const { entries } = await list({ kind: 'pictures' })
  const before = (await server.invoke('app.snapshot', {})).project
  const { job, run } = await server.invoke('history.drawAgain', { id: entries[0]!.id })
  await done({ job })
  expect((await server.invoke('app.snapshot', {})).project).toEqual(before)
  expect(run.asked).toEqual((await server.invoke('preview.history', {})).runs.at(-1)!.asked)
  const again = await server.invoke('history.pictures', { id: job.id })
  const first = await server.invoke('history.pictures', { id: entries[0]!.id })
  expect(again.pictures).toHaveLength(2)
  for (const [place, picture] of again.pictures.entries()) {
    expect(picture.settings).toEqual(first.pictures[place]!.settings)
    expect(pixelsOf(picture.id)).toEqual(pixelsOf(first.pictures[place]!.id))
  }
})

it('says of an export that it was written over, or is gone', async () => {
  const stateOf = async (name: string) =>
    (await list({ search: join(allowed, name), kind: 'merge' })).entries.map((entry) => 'file' in entry && entry.file)
  const [entry] = (await list({ search: 'newer', kind: 'merge' })).entries
  const [file] = entry?.kind === 'merge' ? entry.files : []
  utimesSync(file!.path, new Date(0), new Date(0))
  expect(await stateOf('newer')).toEqual(['changed'])
  rmSync(join(allowed, 'newer'), { recursive: true })
  expect(await stateOf('newer')).toEqual(['gone'])
  expect(await stateOf('older')).toEqual(['there'])
})

it('takes entries off the list without touching what was made, for good', async () => {
  const { entries } = await list()
  const drawn = entries.findLast(({ kind }) => kind === 'pictures')!
  const older = entries.find((entry) => entry.kind === 'merge' && entry.path.endsWith('older'))!
  await server.invoke('history.remove', { ids: [drawn.id, older.id] })
  const left = entries.filter(({ id }) => id !== drawn.id && id !== older.id)
  expect((await list()).entries).toEqual(left)
  expect(existsSync(join(allowed, 'older'))).toBe(true)
  expect((await server.invoke('preview.history', {})).pictures.map(({ job }) => job)).toContain(drawn.id)

  await server.running.close()
  server = await TestServer.start({ ...folders, demo: false })
  expect((await list()).entries).toEqual(left)
})

it('shows nothing of one project in another', async () => {
  const { project } = (await server.invoke('app.snapshot', {})).project
  expect((await list()).entries).not.toEqual([])
  await server.invoke('project.new', {})
  expect((await list()).entries).toEqual([])
  const paths = [project.models[0]!.path, join(allowed, 'older')]
  const models = paths.map((path) => ({ path }))
  await server.invoke('project.edit', { edits: [{ type: 'add-models', models }], label: 'Another family' })
  expect((await list()).entries).toEqual([])
})
