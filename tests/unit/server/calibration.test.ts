import { cpSync, existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { CalibrationPlan } from '../../../src-main/contract/document/calibration'
import type { Job } from '../../../src-main/contract/jobs'
import type { Project } from '../../../src-main/contract/document/project'
import { describeEvaluationSet } from '../../../src-main/engine/evaluate/data/evaluation-set'
import { family } from '../demo-family'
import { TestServer } from './server'
import { writerOf } from '../../../src-main/engine/files/writing/writers'

let server: TestServer
/** A specialist in a folder where it can change. */
let changing: { name: string; path: string }
const [first] = family.specialists

beforeAll(async () => {
  server = await TestServer.start()
  const [own, other] = family.specialists
  const folder = join(server.allowed, 'changing')
  cpSync(dirname(other!.path), folder, { recursive: true })
  changing = { name: other!.name, path: join(folder, 'unet') }
  const { models, calibration } = await project()
  await edit(
    ...models.slice(1).flatMap(({ name }) => (name === own!.name ? [] : [{ type: 'remove-model' as const, name }])),
    { type: 'add-models', models: [changing] },
    { type: 'set-calibration', calibration: { ...calibration, samples: 16, pictures: 2 } },
  )
})
afterAll(() => server.close())

async function project(): Promise<Project> {
  return (await server.invoke('app.snapshot', {})).project.project
}

async function edit(...edits: Parameters<typeof server.invoke<'project.edit'>>[1]['edits']): Promise<void> {
  await server.invoke('project.edit', { edits, label: 'Edit' })
}

function plan(): Promise<CalibrationPlan> {
  return server.invoke('calibration.describe', {})
}

async function ended(id: string): Promise<Job> {
  for (;;) {
    const { jobs } = await server.invoke('jobs.list', {})
    const job = jobs.find((one) => one.id === id)!
    if (job.endedAt !== null) return job
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

it('says what every model would run on: its own domain, or captions of it as prompts', async () => {
  const { models, bytes, file } = await plan()
  const { domains } = await describeEvaluationSet(family.evaluation)
  expect(file).toBeNull()
  expect(bytes).toBeGreaterThan(0)
  expect(models.map(({ name }) => name)).toEqual([family.base.name, first!.name, changing.name])
  expect(models[0]!.domains.length).toBe(2)
  const captions = domains.find(({ name }) => name === first!.name)!.pictures.map(({ caption }) => caption)
  expect(models[1]).toMatchObject({ use: 'data', domains: [first!.name], pictures: 2, problem: null })
  for (const prompt of models[1]!.prompts) expect(captions).toContain(prompt)

  const { calibration } = await project()
  const choose = (use: 'prompts' | 'none', prompts: string[] = []) =>
    edit({
      type: 'set-calibration',
      calibration: { ...calibration, choices: [{ name: first!.name, use, prompts }] },
    })
  await choose('prompts', ['a picture'])
  expect((await plan()).models[1]).toMatchObject({ use: 'prompts', prompts: ['a picture'], problem: null })
  await choose('none')
  const without = await plan()
  expect(without.models[1]).toMatchObject({ use: 'none', runs: 0 })
  expect(without.bytes).toBeCloseTo((bytes * 2) / 3)
  await server.invoke('project.undo', {})
})

it('says at which timesteps models would see pictures, or that there are none', async () => {
  const { calibration } = await project()
  const planned = async (range: object) => {
    await edit({ type: 'set-calibration', calibration: { ...calibration, ...range } })
    return (await plan()).models[2]!
  }
  const late = await planned({ minTimestep: 500 })
  expect(late).toMatchObject({ use: 'data', problem: null })
  expect(Math.min(...late.timesteps)).toBeGreaterThanOrEqual(500)
  const { problem } = await planned({ minTimestep: 500, maxTimestep: 1001 })
  expect(problem).toMatchObject({ kind: 'validation', message: expect.stringContaining('from 500 up to 1001') })
  await planned({})
})

it('a merge that needs real inputs says what to do before there are any', async () => {
  const { method } = await project()
  await edit({ type: 'set-method', method: { ...method, name: 'feature-regression' } })
  const { job } = await server.invoke('export.start', { path: join(server.allowed, 'early') })
  const { error } = await ended(job.id)
  expect(error).toMatchObject({ kind: 'validation', hint: expect.stringContaining('Tune') })
}, 60_000)

it('learns what the models see, then merges by it; a model that changes since is named', async () => {
  const { job } = await server.invoke('calibration.start', {})
  const learnt = await ended(job.id)
  expect(learnt.error).toBeNull()
  const { calibration } = (await project()).method
  expect(learnt.result).toMatchObject({ kind: 'calibrate', path: calibration, models: 3 })

  const { file } = await plan()
  expect(file!.record).toMatchObject({ samples: 16, seed: 0 })
  expect(file!.record!.models.map(({ source }) => source.kind)).toEqual(['data', 'prompts', 'data'])
  expect(file!.models.map(({ fit, needed }) => [fit, needed])).toEqual([
    ['fits', false],
    ['fits', true],
    ['fits', true],
  ])

  const merge = async (name: string) =>
    ended((await server.invoke('export.start', { path: join(server.allowed, name) })).job.id)
  expect((await merge('merged')).state).toBe('done')

  const weights = 'diffusion_pytorch_model.safetensors'
  cpSync(join(family.specialists[2]!.path, weights), join(changing.path, weights))
  expect((await plan()).file!.models[2]!.fit).toBe('unknown')
  const refused = await merge('refused')
  expect(refused.error).toMatchObject({ kind: 'incompatible', hint: expect.stringContaining('Tune') })
  expect(refused.error!.message).toContain(changing.name)
  expect((await plan()).file!.models[2]!.fit).toBe('changed')

  // One step of undo, and the older file is still there.
  await server.invoke('project.undo', {})
  expect((await project()).method.calibration).toBeUndefined()
  expect(existsSync(calibration!)).toBe(true)
}, 120_000)

it('is cancelled without leaving a file', async () => {
  const path = join(server.allowed, 'cancelled.safetensors')
  const { job } = await server.invoke('calibration.start', { path })
  const running = async () => (await server.invoke('jobs.list', {})).jobs.find(({ id }) => id === job.id)!
  while ((await running()).state !== 'running' || (await running()).progress === 0)
    await new Promise((resolve) => setTimeout(resolve, 20))
  await server.invoke('jobs.cancel', { id: job.id })
  expect((await ended(job.id)).state).toBe('cancelled')
  // On a busy machine its process is killed before it can remove what it was writing; the next run to this name does.
  await vi.waitFor(async () => {
    const names = readdirSync(server.allowed).filter((name) => name.includes('cancelled'))
    const writers = await Promise.all(names.map((name) => writerOf(server.allowed, name)))
    expect(names.filter((_, index) => writers[index] !== 'dead')).toEqual([])
  })
}, 60_000)
