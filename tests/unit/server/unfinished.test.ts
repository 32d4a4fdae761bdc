import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { tensor, writeModel } from '../engine/merge/models'
import { noise } from '../engine/tensor/inputs'
import { TestServer } from './server'

/** Large enough that a cancel comes before the end: every layer is a job. */
const LAYERS = 300
const SIZE = 128

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start()
  const models = ['base', 'first', 'second'].map((name, model) =>
    writeModel(
      join(server.allowed, 'models', `${name}.safetensors`),
      Object.fromEntries(
        Array.from({ length: LAYERS }, (_, layer) => [
          `${layer}.weight`,
          tensor([SIZE, SIZE], noise(SIZE * SIZE, model * LAYERS + layer)),
        ]),
      ),
    ),
  )
  await server.invoke('project.new', {})
  const edits = [{ type: 'add-models' as const, models: models.map((path) => ({ path })) }]
  await server.invoke('project.edit', { edits, label: 'Add' })
}, 60_000)
afterAll(() => server.close())

async function jobOf(id: string) {
  return (await server.invoke('jobs.list', {})).jobs.find((job) => job.id === id)!
}

async function ended(id: string) {
  while ((await jobOf(id)).endedAt === null) await new Promise((resolve) => setTimeout(resolve, 5))
  return jobOf(id)
}

/** Exports until something is written, and cancels. */
async function cancelled(path: string): Promise<void> {
  const { job } = await server.invoke('export.start', { path })
  const folder = join(path, '..')
  const isBegun = (): boolean =>
    readdirSync(folder).some((name) => {
      if (!name.endsWith('.journal')) return false
      return readFileSync(join(folder, name), 'utf8').split('\n').length > 5
    })
  while (!isBegun() && (await jobOf(job.id)).endedAt === null) await new Promise((resolve) => setTimeout(resolve, 2))
  await server.invoke('jobs.cancel', { id: job.id })
  expect((await ended(job.id)).state).toBe('cancelled')
}

/** The only unfinished export. Where the compute process had to be killed, it may still be about to end. */
function listed() {
  const find = async () => {
    const { exports } = await server.invoke('export.unfinished', {})
    expect(exports).toHaveLength(1)
    return exports
  }
  return vi.waitFor(find, { timeout: 20_000 })
}

it('a cancelled export is listed, continued by the next one, and removed where that is asked for', async () => {
  const folder = join(server.allowed, 'out')
  mkdirSync(folder)
  const path = join(folder, 'merged.safetensors')
  expect(await server.invoke('export.unfinished', {})).toEqual({ exports: [] })
  await cancelled(path)
  const exports = await listed()
  expect(exports).toEqual([{ path, bytes: expect.any(Number), time: expect.any(Number) }])
  const { job } = await server.invoke('export.start', { path })
  expect(await ended(job.id)).toMatchObject({
    state: 'done',
    result: { export: { resumed: expect.stringMatching(/^Resumes: \d+ of 300 tensors/) } },
  })
  expect(await server.invoke('export.unfinished', {})).toEqual({ exports: [] })

  const other = join(folder, 'other.safetensors')
  await cancelled(other)
  await listed()
  writeFileSync(join(folder, '.other.safetensors.notes'), 'mine')
  expect(await server.invoke('export.removeUnfinished', { path: other })).toEqual({ exports: [] })
  expect(readdirSync(folder).sort()).toEqual(['.other.safetensors.notes', 'merged.safetensors'])
  for (const nothing of [other, path]) {
    expect(await server.command('export.removeUnfinished', { path: nothing })).toMatchObject({
      ok: false,
      error: { kind: 'not-found' },
    })
  }
}, 120_000)

it('what lies outside the allowed folders is neither listed nor removed', async () => {
  const partial = join(server.folder, '.outside.safetensors.0.partial')
  for (const path of [partial, `${partial}.journal`]) writeFileSync(path, 'mine')
  const reply = await server.command('export.removeUnfinished', { path: join(server.folder, 'outside.safetensors') })
  expect(reply).toMatchObject({ ok: false })
  expect(readdirSync(server.folder)).toContain('.outside.safetensors.0.partial')
})
