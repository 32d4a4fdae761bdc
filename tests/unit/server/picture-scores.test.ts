import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Project } from '../../../src-main/contract/document/project'
import { TestServer } from './server'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server.close())

async function project(): Promise<Project> {
  return (await server.invoke('app.snapshot', {})).project.project
}

async function ended(id: string): Promise<string> {
  for (;;) {
    const { jobs } = await server.invoke('jobs.list', {})
    const job = jobs.find((one) => one.id === id)!
    if (job.endedAt !== null) return job.error?.message ?? job.state
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function setScorer(clip: string | null): Promise<void> {
  const { evaluation } = await project()
  const edit = {
    type: 'set-evaluation' as const,
    evaluation: { ...evaluation, scorers: { ...evaluation.scorers, clip } },
  }
  await server.invoke('project.edit', { edits: [edit], label: 'Scorer' })
}

it('scores drawn pictures by their prompts, keeps the scores, and reads only what it may', async () => {
  const { preview } = await project()
  const few = { ...preview, prompts: ['pizza'], seeds: [1, 2], steps: 1 }
  await server.invoke('project.edit', { edits: [{ type: 'set-preview', preview: few }], label: 'Few' })
  const drawn = await server.invoke('preview.run', { variants: [{ type: 'base' }] })
  expect(await ended(drawn.job.id)).toBe('done')
  const { pictures } = await server.invoke('preview.history', {})
  const ids = pictures.map(({ id }) => id)
  expect(ids).toHaveLength(2)

  const ask = { scorer: 'clip' as const, ids }
  await expect(server.invoke('preview.score', ask)).rejects.toMatchObject({ kind: 'validation' })
  await expect(setScorer(join(server.folder, 'elsewhere'))).rejects.toMatchObject({
    message: expect.stringContaining('lies outside the folders') as string,
  })
  const clip = join(server.allowed, 'clip')
  cpSync('tests/golden/clip/model', clip, { recursive: true })
  await setScorer(clip)
  await expect(server.invoke('preview.score', { ...ask, ids: ['gone'] })).rejects.toMatchObject({ kind: 'not-found' })
  const { job } = await server.invoke('preview.score', ask)
  expect(await ended(job.id)).toBe('done')
  const scored = (await server.invoke('preview.history', {})).pictures.map(({ scores }) => scores!.clip!)
  expect(new Set(scored).size).toBe(2)
  for (const score of scored) expect(score).toBeGreaterThan(0)
}, 60_000)
