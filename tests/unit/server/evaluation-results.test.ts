import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { EvaluationResults } from '../../../src-main/contract/evaluate/results'
import type { ScoreSummary } from '../../../src-main/contract/evaluate/scores/scores'
import { evaluationKey, withFound } from '../../../src-main/contract/document/project-evaluation'
import type { Project } from '../../../src-main/contract/document/project'
import type { Edit } from '../../../src-main/contract/state'
import { encodePng } from '../../../src-main/engine/image/png'
import { family } from '../demo-family'
import { TestServer } from './server'

const own = mkdtempSync(join(tmpdir(), 'results-'))
const CLIP = resolve('tests/golden/clip/model')
const IMAGES = join(own, 'images')
const PROMPTS = join(own, 'prompts')
/** Two domains: those of the specialists that stay. */
const DOMAINS = family.specialists.slice(0, 2).map(({ name }) => name)
const folders = { dataFolder: join(own, 'data'), cacheFolder: join(own, 'cache'), allow: [CLIP, IMAGES, PROMPTS] }
let server: TestServer

beforeAll(async () => {
  mkdirSync(PROMPTS)
  for (const [index, domain] of DOMAINS.entries())
    for (const picture of [0, 1]) {
      const folder = join(IMAGES, domain, 'test')
      mkdirSync(folder, { recursive: true })
      const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => (at * (index + 2) + 90 * picture) % 256)
      writeFileSync(join(folder, `${picture}.png`), encodePng({ width: 32, height: 32, channels: 3, data }))
      writeFileSync(join(folder, `${picture}.txt`), `a ${domain} ${picture}`)
    }
  server = await TestServer.start(folders)
  const { evaluation, models } = await project()
  await edit(
    { type: 'set-evaluation', evaluation: { ...evaluation, data: IMAGES, split: 'held-out', rows: ['merge'] } },
    ...models.slice(1).flatMap(({ name }) => (DOMAINS.includes(name) ? [] : [{ type: 'remove-model' as const, name }])),
  )
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

it('tells before and after of specialists that are dropped, or left out', async () => {
  const { models, evaluation } = await project()
  const [, kept, dropped] = models
  const model = { ...dropped!, enabled: false }
  await edit({ type: 'set-model', name: model.name, model })
  await edit({ type: 'set-evaluation', evaluation: { ...evaluation, rows: ['specialists', 'merge'] } })
  const { job } = await server.invoke('evaluate.start', { kind: 'table' })
  expect(await ended(job.id)).toBe('done')
  const { table } = await results()
  expect(table!.rows.map(({ name }) => name)).toContain(`with ${model.name}`)
  const { models: measured } = table!.summary!
  const own = measured.find(({ name }) => name === model.name)!.ownDomain!
  const place = table!.summary!.domains.findIndex(({ name }) => name === own)
  const lossOf = (row: string): number => measured.find(({ name }) => name === row)!.domains[place]!.loss.value
  const [before, after] = [lossOf(`with ${model.name}`), lossOf('this merge')]
  expect(table!.unlearned).toHaveLength(1)
  expect(table!.unlearned[0]).toMatchObject({
    specialist: model.name,
    domain: own,
    before: { value: before },
    after: { value: after },
  })
  expect(table!.unlearned[0]!.difference.value).toBeCloseTo(after - before, 9)

  await edit({ type: 'set-model', name: model.name, model: dropped! })
  await edit({ type: 'set-evaluation', evaluation: { ...evaluation, rows: ['without'] } })
  const again = await server.invoke('evaluate.start', { kind: 'table' })
  expect(await ended(again.job.id)).toBe('done')
  const { unlearned } = (await results()).table!
  expect(unlearned.map(({ specialist }) => specialist)).toEqual([kept!.name, model.name])
  await edit({ type: 'set-evaluation', evaluation })
}, 120_000)

it('checks the features of this merge layer by layer', async () => {
  const { job } = await server.invoke('evaluate.drift', { domain: DOMAINS[0]!, pictures: 1, samples: 16 })
  expect(await ended(job.id)).toBe('done')
  const { drift } = await results()
  expect(drift!.key).toBe(evaluationKey(await project(), 'drift'))
  expect(drift!.drift).toMatchObject({ domains: DOMAINS.slice(0, 1), pictures: 1, samples: 16 })
  const { layers } = drift!.drift
  expect(layers.at(-1)!.layer).toBe('conv_out')
  // Alone a layer gives what the method promises, but for float16; behind other layers it cannot.
  for (const { alone } of layers) expect(alone).toBeLessThan(1e-3)
  expect(Math.max(...layers.map(({ inside }) => inside!))).toBeGreaterThan(0.01)
  expect(layers.find(({ layer }) => layer === 'conv_in')!.block).toBe('IN00')
}, 120_000)

it('draws prompts with every model and scores the pictures, where the files of a scorer are named', async () => {
  await expect(server.invoke('evaluate.scores', {})).rejects.toMatchObject({ kind: 'validation' })
  const { evaluation } = await project()
  const scores = { promptFile: null, prompts: 4, seeds: 2, steps: 1, guidance: 1 }
  const scorers = { ...evaluation.scorers, clip: CLIP }
  await edit({ type: 'set-evaluation', evaluation: { ...evaluation, scores, scorers } })
  const { job } = await server.invoke('evaluate.scores', {})
  expect(await ended(job.id)).toBe('done')
  const { scores: report } = await results()
  expect(report).toMatchObject({ done: true, key: evaluationKey(await project(), 'scores'), settings: scores })
  expect(report!.domains.every(({ prompts }) => prompts === 2)).toBe(true)
  const [{ scorer, models, best }] = report!.scores as [ScoreSummary]
  expect(report!.scores).toHaveLength(1)
  expect(scorer).toBe('clip')
  expect(models.map(({ name, role }) => [name, role])).toEqual(report!.rows.map(({ name, role }) => [name, role]))
  const [base, merge] = models
  expect(base!.domains).toHaveLength(report!.domains.length)
  for (const { score } of [...base!.domains, base!.mean]) {
    expect(score.value).toBeGreaterThanOrEqual(0)
    expect(score.value).toBeLessThanOrEqual(100)
    expect(score.interval).not.toBeNull()
  }
  expect(base!.mean.difference).toBeNull()
  expect(merge!.mean.difference!.value).toBeCloseTo(merge!.mean.score.value - base!.mean.score.value, 9)
  expect(best).toHaveLength(report!.domains.length + 1)
  // A scorer decides nothing about losses.
  expect(evaluationKey(await project())).toBe(evaluationKey({ ...(await project()), evaluation }))

  const file = join(PROMPTS, 'two domains.txt')
  writeFileSync(file, '[first]\na red apple\na green apple\n[second]\na boat\n')
  await edit({
    type: 'set-evaluation',
    evaluation: { ...evaluation, scores: { ...scores, promptFile: file }, scorers },
  })
  const again = await server.invoke('evaluate.scores', {})
  expect(await ended(again.job.id)).toBe('done')
  expect((await results()).scores!.domains).toEqual([
    { name: 'first', prompts: 2 },
    { name: 'second', prompts: 1 },
  ])
}, 120_000)

it('fails with words where the folder holds no CLIP model, and earlier scores stand', async () => {
  const { scores: before } = await results()
  const { evaluation, models } = await project()
  const scorers = { ...evaluation.scorers, clip: models[0]!.path }
  await edit({ type: 'set-evaluation', evaluation: { ...evaluation, scorers } })
  const { job } = await server.invoke('evaluate.scores', {})
  expect(await ended(job.id)).toMatch(/CLIP|vocab|tokenizer/i)
  expect((await results()).scores).toEqual(before)
  await edit({ type: 'set-evaluation', evaluation })
}, 60_000)

it('searches gains of the merge, aiming at a loss and a score, which the project then holds', async () => {
  const { evaluation } = await project()
  const scores = { promptFile: null, prompts: 1, seeds: 1, steps: 1, guidance: 1 }
  const scorers = { ...evaluation.scorers, clip: CLIP }
  await edit({ type: 'set-evaluation', evaluation: { ...evaluation, scores, scorers } })
  const aims = [
    { name: 'loss' as const, factor: 1 },
    { name: 'clip' as const, factor: 0.01 },
  ]
  const ask = { strategy: 'cma-es' as const, trials: 2, space: 'gains' as const, groups: 'stages' as const, aims }
  const { job } = await server.invoke('evaluate.search', ask)
  expect(await ended(job.id)).toBe('done')
  const search = (await results()).search!
  expect(search).toMatchObject({ space: 'gains', aims, done: true, trials: [{ index: 0 }, { index: 1 }] })
  const { layers } = search.best!.models[1]!
  expect(new Set(layers.map(({ weight }) => weight)).size).toBeLessThanOrEqual(3)
  // The first trial is the merge as it is.
  expect(search.soup!.search).toBeCloseTo(search.trials[0]!.score!, 9)
  expect(search.key).toBe(evaluationKey(await project(), 'search', aims))
  expect(search.key).not.toBe(evaluationKey(await project(), 'search'))

  const { method } = withFound(await project(), search, search.best!.models)
  expect(method.gains).toEqual(layers)
  await edit({ type: 'set-method', method })
  expect((await project()).method.gains).toEqual(layers)
  await edit({ type: 'set-method', method: { ...method, gains: [] } }, { type: 'set-evaluation', evaluation })
}, 120_000)

it('says which domains there are where the wanted one is not, and what combines no features', async () => {
  const unknown = await server.invoke('evaluate.drift', { domain: 'cars' })
  expect(await ended(unknown.job.id)).toContain('no domain cars')
  const { method } = await project()
  await edit({ type: 'set-method', method: { ...method, name: 'ties' } })
  const { job } = await server.invoke('evaluate.drift', { domain: DOMAINS[0]! })
  expect(await ended(job.id)).toContain('does not combine features')
  // What was found before stays.
  expect((await results()).drift).not.toBeNull()
  await edit({ type: 'set-method', method })
}, 60_000)

it('keeps its results over a restart, and tells them from those of a changed project', async () => {
  const table = await server.invoke('evaluate.start', { kind: 'table' })
  expect(await ended(table.job.id)).toBe('done')
  const drift = await server.invoke('evaluate.drift', { domain: DOMAINS[0]!, pictures: 1, samples: 4 })
  expect(await ended(drift.job.id)).toBe('done')
  const before = await results()
  await server.close()
  server = await TestServer.start(folders)
  const after = await results()
  expect(after).toEqual(before)
  const same = await project()
  expect(after.table!.key).toBe(evaluationKey(same, 'table'))
  expect(after.drift!.key).toBe(evaluationKey(same, 'drift'))

  const key = (change: Partial<Project>, of: keyof EvaluationResults): boolean =>
    evaluationKey({ ...same, ...change }, of) === after[of]!.key
  const models = same.models.map((model, index) => (index === 1 ? { ...model, weight: 0.5 } : model))
  for (const of of ['table', 'drift'] as const) {
    expect(key({ models }, of)).toBe(false)
    expect(key({ method: { ...same.method, normaliser: 'paper' } }, of)).toBe(false)
    expect(key({ evaluation: { ...same.evaluation, split: 'train' } }, of)).toBe(false)
    // What only the pictures of previews show changes nothing.
    expect(key({ preview: { ...same.preview, steps: 3 } }, of)).toBe(true)
  }
  expect(key({ evaluation: { ...same.evaluation, rows: ['soup'] } }, 'table')).toBe(false)
  expect(key({ evaluation: { ...same.evaluation, rows: ['soup'] } }, 'drift')).toBe(true)
}, 120_000)

it('keeps what came to its end in the history, each in a line; what failed is not there', async () => {
  const { entries } = await server.invoke('history.list', { kind: 'evaluation' })
  const told = entries.toReversed().map((entry) => (entry.kind === 'evaluation' ? [entry.part, entry.verdict] : []))
  expect(told.slice(0, 4)).toEqual([
    ['table', expect.stringMatching(/this merge|specialist/i)],
    ['table', expect.stringMatching(/this merge|specialist/i)],
    ['drift', expect.stringMatching(/^Inside the network, features differ .* at most [\d.]+ %\.$/)],
    ['scores', expect.stringMatching(/^CLIP score: base \d+\.\d\d, this merge \d+\.\d\d\. .*(best|highest)/)],
  ])
  const { models } = await project()
  expect(entries.at(-1)!.merge!.models.map(({ name, enabled }) => [name, enabled])).toEqual(
    models.map(({ name }, place) => [name, place !== 2]),
  )
})
