import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestServer } from './server'

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server.close())

it('hashes go into the project, a file that has changed since is told, and saving takes it as it is', async () => {
  const { project } = server.running.studio
  const models = () => project.state.project.models
  const paths = models().map(({ path }) => path)
  const { job } = await server.invoke('models.hash', {})
  const state = () => server.running.studio.queue.list().find(({ id }) => id === job.id)?.state
  await expect.poll(state, { timeout: 20_000 }).toBe('done')
  const hashes = models().map(({ sha256 }) => sha256)
  expect(hashes.every((sha256) => /^[0-9a-f]{64}$/.test(sha256 ?? ''))).toBe(true)
  expect(project.state).toMatchObject({ undo: null, dirty: false })

  const warnings = async (): Promise<number[]> =>
    (await server.invoke('models.describe', { paths })).models.map(
      ({ summary }) => summary!.problems.filter(({ message }) => message.includes('has changed')).length,
    )
  expect(await warnings()).toEqual(paths.map(() => 0))
  project.recordHashes(new Map([[paths[1]!, 'f'.repeat(64)]]), { replace: true })
  expect(await warnings()).toEqual(paths.map((_, index) => (index === 1 ? 1 : 0)))
  const path = join(server.allowed, 'kept.fusion.json')
  await server.invoke('project.save', { path })
  expect(await warnings()).toEqual(paths.map(() => 0))
  const saved = JSON.parse(readFileSync(path, 'utf8')) as { models: { sha256: string }[] }
  expect(saved.models.map(({ sha256 }) => sha256)).toEqual(hashes)
})
