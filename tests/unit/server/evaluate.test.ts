import { afterAll, beforeAll, expect, it } from 'vitest'
import type { EvaluationResults } from '../../../src-main/contract/evaluate/results'
import { evaluationKey } from '../../../src-main/contract/document/project-evaluation'
import type { Project } from '../../../src-main/contract/document/project'
import { TestServer } from './server'

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
  const { evaluation, models } = await project()
  const edits = [
    { type: 'set-evaluation' as const, evaluation: { ...evaluation, pictures: 2 } },
    // Two specialists are enough to see a table.
    ...models.slice(3).map(({ name }) => ({ type: 'remove-model' as const, name })),
  ]
  await server.invoke('project.edit', { edits, label: 'Fewer' })
})
afterAll(() => server.close())

async function project(): Promise<Project> {
  return (await server.invoke('app.snapshot', {})).project.project
}

async function results(): Promise<EvaluationResults> {
  return server.invoke('evaluate.results', {})
}

async function ended(id: string): Promise<string> {
  for (;;) {
    const { jobs } = await server.invoke('jobs.list', {})
    const job = jobs.find((one) => one.id === id)!
    if (job.endedAt !== null) return job.error?.message ?? job.state
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

it('finds the data beside the base', async () => {
  const data = await server.invoke('evaluate.data', {})
  expect(data).toMatchObject({ kind: 'latents', problem: null })
  expect(data.domains.length).toBeGreaterThan(1)
})

it('measures base, specialists, this merge and the plain average; a second time from what is kept', async () => {
  const { job } = await server.invoke('evaluate.start', { kind: 'table' })
  expect(await ended(job.id)).toBe('done')
  const { table } = await results()
  const { models } = await project()
  expect(table!.rows.map(({ name }) => name)).toEqual([
    ...models.map(({ name }) => name),
    'this merge',
    'plain average',
  ])
  expect(table).toMatchObject({ done: true, key: evaluationKey(await project()), leaderboard: null })
  expect(table!.summary!.models.map(({ name }) => name)).toEqual(table!.rows.map(({ name }) => name))

  const again = await server.invoke('evaluate.start', { kind: 'table' })
  const started = performance.now()
  expect(await ended(again.job.id)).toBe('done')
  expect(performance.now() - started).toBeLessThan(20_000)
  expect((await results()).table!.summary).toEqual(table!.summary)
}, 180_000)

it('stops a search with the best weights so far', async () => {
  const { job } = await server.invoke('evaluate.search', { strategy: 'cma-es', trials: 1000 })
  while (((await results()).search?.trials.length ?? 0) < 3) await new Promise((resolve) => setTimeout(resolve, 100))
  await server.invoke('jobs.cancel', { id: job.id })
  expect(['cancelled', 'done']).toContain(await ended(job.id))
  const { search } = await results()
  const scores = search!.trials.map(({ score }) => score!)
  expect(search!.best!.score).toBe(Math.min(...scores))
  expect(search!.best!.models.map(({ name }) => name)).toEqual((await project()).models.map(({ name }) => name))
  expect(search!.check).toBeNull()
}, 180_000)
