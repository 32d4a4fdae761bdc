import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Inspection } from '../../../src-main/contract/inspect'
import type { Project } from '../../../src-main/contract/document/project'
import type { Edit } from '../../../src-main/contract/state'
import { family } from '../demo-family'
import { TestServer } from './server'

const own = mkdtempSync(join(tmpdir(), 'inspections-'))
const folders = { dataFolder: join(own, 'data'), cacheFolder: join(own, 'cache') }
let server: TestServer

beforeAll(async () => {
  server = await TestServer.start(folders)
})
afterAll(async () => {
  await server.close()
  rmSync(own, { recursive: true, force: true })
})

async function project(): Promise<Project> {
  return (await server.invoke('app.snapshot', {})).project.project
}
async function edit(...edits: Edit[]): Promise<void> {
  await server.invoke('project.edit', { edits, label: 'Test' })
}
async function known(): Promise<Inspection> {
  return server.invoke('inspect.rows', {})
}
async function ended(id: string): Promise<string> {
  for (;;) {
    const { jobs } = await server.invoke('jobs.list', {})
    const job = jobs.find((one) => one.id === id)!
    if (job.endedAt !== null) return job.state
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

it('keeps a whole map over a restart, and what is begun and cancelled takes nothing away', async () => {
  const { job } = await server.invoke('inspect.start', {})
  expect(await ended(job.id)).toBe('done')
  const whole = await known()
  expect(whole).toMatchObject({ job: job.id, complete: true })
  const again = await server.invoke('inspect.start', {})
  expect(await known()).toEqual(whole)
  await server.invoke('jobs.cancel', { id: again.job.id })
  expect(await ended(again.job.id)).toBe('cancelled')
  expect(await known()).toEqual(whole)
  await server.close()
  server = await TestServer.start(folders)
  expect(await known()).toEqual(whole)
}, 60_000)

it('is shown for its models alone, under whatever names', async () => {
  const { models } = await project()
  const [, first] = models
  await edit({ type: 'set-model', name: first!.name, model: { ...first!, name: 'renamed' } })
  expect((await known()).complete).toBe(true)
  await edit({ type: 'move-model', name: 'renamed', to: 0 })
  expect(await known()).toMatchObject({ job: null, rows: [], complete: false })
  await server.invoke('project.new', {})
  expect(await known()).toMatchObject({ job: null, rows: [] })
  await server.invoke('project.demo', {})
  expect((await known()).complete).toBe(true)
}, 60_000)

it('tells a file of another content by its hash', async () => {
  const { models } = await project()
  expect(models).toHaveLength(family.specialists.length + 1)
  const { job } = await server.invoke('models.hash', {})
  expect(await ended(job.id)).toBe('done')
  const hashed = await server.invoke('inspect.start', {})
  expect(await ended(hashed.job.id)).toBe('done')
  const [base] = (await project()).models
  expect(base!.sha256).toBeDefined()
  await edit({ type: 'set-model', name: base!.name, model: { ...base!, sha256: '0'.repeat(64) } })
  expect((await known()).job).toBeNull()
}, 60_000)
