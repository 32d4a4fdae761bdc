import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { tilePlace, type MatrixInfo } from '../../../src-main/contract/inspect'
import type { Job } from '../../../src-main/contract/jobs'
import type { ServerMessage } from '../../../src-main/contract/protocol/wire'
import { readPngText } from '../../../src-main/engine/image/png-text'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { planMerge } from '../../../src-main/engine/merge/open-model'
import { runMerge } from '../../../src-main/engine/merge/run'
import { writeSyntheticProject } from '../../bench/inputs/synthetic-layers'
import { family, prompts } from '../demo-family'
import { Inbox, TestServer } from './server'

type EventMessage = Extract<ServerMessage, { type: 'event' }>

const MODELS = [family.base, ...family.specialists]
const prompt = prompts[0]!

let server: TestServer
let socket: WebSocket
let inbox: Inbox

const isEvent = (message: ServerMessage): message is EventMessage => message.type === 'event'
const eventsOf = ({ messages }: Inbox): EventMessage[] => messages.filter(isEvent)

/** The job when it has ended. */
async function ended({ job }: { job: Job }): Promise<Job> {
  const found = await inbox.until(
    (message): message is EventMessage =>
      isEvent(message) &&
      message.event.type === 'job' &&
      message.event.job.id === job.id &&
      message.event.job.endedAt !== null,
  )
  return (found.event as { job: Job }).job
}

/** The entries at the upper left corner. */
async function firstTile(from: TestServer, matrix: MatrixInfo): Promise<Float32Array> {
  const { start, end } = tilePlace(matrix, 0, 0, 0)
  const { url, cookie } = from
  const response = await fetch(new URL(`${matrix.url}/0.mean/${start}-${end}`, url), { headers: { cookie } })
  return new Float32Array(await response.arrayBuffer())
}

beforeAll(async () => {
  server = await TestServer.start()
  socket = server.socket('0')
  inbox = new Inbox(socket)
  await new Promise((resolve) => socket.on('open', resolve))
})
afterAll(async () => {
  socket.close()
  await server.close()
})

describe('the journey over the demo, with the real engine', () => {
  it('opens the demo project: models described, compatible, with their layers', async () => {
    const { project } = await server.invoke('app.snapshot', {})
    expect(project).toMatchObject({ title: 'Demo', path: null, dirty: false })
    expect(project.project.models).toMatchObject(MODELS)
    const paths = MODELS.map(({ path }) => path)
    const { models } = await server.invoke('models.describe', { paths })
    expect(models.map(({ error }) => error)).toEqual(paths.map(() => null))
    expect(await server.invoke('models.compatibility', {})).toEqual({ problems: [] })
    const { blocks, layers } = await server.invoke('models.layers', {})
    expect(blocks.slice(0, 2)).toEqual(['BASE', 'IN00'])
    const order = layers.map(({ block }) => blocks.indexOf(block))
    expect(order).toEqual(order.toSorted((a, b) => a - b))
  })

  it('inspects: a row for every layer, as events and afterwards', async () => {
    const job = await ended(await server.invoke('inspect.start', {}))
    expect(job).toMatchObject({ state: 'done', error: null })
    const { layers } = await server.invoke('models.layers', {})
    const { rows, models, job: id } = await server.invoke('inspect.rows', {})
    expect(id).toBe(job.id)
    expect(models.map(({ name }) => name)).toEqual(MODELS.map(({ name }) => name))
    expect(rows.map(({ layer }) => layer).toSorted()).toEqual(layers.map(({ name }) => name).toSorted())
    const told = eventsOf(inbox).flatMap(({ event }) => (event.type === 'inspect-rows' ? event.rows : []))
    expect(told).toEqual(rows)
  })

  it('suggests weights for the network and every block, and again for weights that changed', async () => {
    const { blocks } = await server.invoke('models.layers', {})
    const { advice } = await server.invoke('inspect.suggestions', {})
    expect(advice.map(({ block }) => block)).toEqual([null, ...advice.slice(1).map(({ block }) => block)])
    expect(blocks).toEqual(expect.arrayContaining(advice.slice(1).map(({ block }) => block)))
    const [, first] = (await server.invoke('app.snapshot', {})).project.project.models
    const dropped = { ...first!, enabled: false }
    const edit = { type: 'set-model' as const, name: first!.name, model: dropped }
    await server.invoke('project.edit', { edits: [edit], label: 'Drop' })
    const without = (await server.invoke('inspect.suggestions', {})).advice
    expect(without.flatMap(({ specialists }) => specialists.map(({ name }) => name))).not.toContain(first!.name)
    await server.invoke('project.undo', {})
    expect((await server.invoke('inspect.suggestions', {})).advice).toEqual(advice)
  })

  it('serves a matrix as tiles, whose diagonal of the base is 1', async () => {
    const { layers } = await server.invoke('models.layers', {})
    const layer = layers[Math.floor(layers.length / 2)]!.name
    const job = await ended(await server.invoke('inspect.matrix', { layer, matrix: 'P' }))
    if (job.result?.kind !== 'matrix') throw new Error(JSON.stringify(job.error))
    const { rows, columns, url, levels } = job.result.matrix
    expect(columns).toBe(MODELS.length * rows)
    const tile = await firstTile(server, job.result.matrix)
    const width = Math.min(256, columns)
    expect(tile).toHaveLength(width * Math.min(256, rows))
    for (let row = 0; row < Math.min(256, rows); row++) expect(tile[row * width + row]).toBeCloseTo(1, 5)
    const whole = tilePlace(job.result.matrix, levels - 1, 0, 0)
    const last = await server.send(`/${url}/${levels - 1}.max/0-${whole.end}`, { headers: { cookie: server.cookie } })
    expect(last.status).toBe(200)
  })

  it('shows a draft of a large matrix before the matrix itself', async () => {
    const other = await TestServer.start()
    try {
      const events = new Inbox(other.socket('0'))
      const size = { models: 2, layers: 1, rows: 1280, inputs: 8 }
      await other.invoke('project.open', { path: await writeSyntheticProject(other.allowed, size) })
      const { job } = await other.invoke('inspect.matrix', { layer: 'blocks.0.layers.0.weight', matrix: 'S' })
      await events.until(
        (message): message is EventMessage =>
          isEvent(message) && message.event.type === 'job' && message.event.job.state === 'done',
      )
      const told = eventsOf(events).map(({ event }) => event)
      const draft = told.find((event) => event.type === 'matrix-draft')
      const result = told.flatMap((event) => (event.type === 'job' && event.job.result ? [event.job.result] : []))[0]
      if (draft?.type !== 'matrix-draft' || result?.kind !== 'matrix') throw new Error(JSON.stringify(told))
      expect(draft).toMatchObject({ job: job.id, matrix: { matrix: 'S', rows: 1280, columns: 2560, stride: 2 } })
      expect(result.matrix).toMatchObject({ matrix: 'S', rows: 1280, columns: 2560, stride: 1 })
      const [drafted, whole] = await Promise.all([firstTile(other, draft.matrix), firstTile(other, result.matrix)])
      for (let row = 0; row < 128; row++)
        for (let column = 0; column < 128; column++)
          expect(drafted[row * 256 + column]).toBeCloseTo(whole[row * 512 + 2 * column]!, 6)
    } finally {
      await other.close()
    }
  })

  it('previews, keeps pictures, and reads the settings of a PNG', async () => {
    const { project } = await server.invoke('app.snapshot', {})
    const preview = { ...project.project.preview, prompts: [prompt], seeds: [7], steps: 2 }
    await server.invoke('project.edit', { edits: [{ type: 'set-preview', preview }], label: 'Preview' })
    const started = await server.invoke('preview.run', {
      variants: [{ type: 'base' }, { type: 'merge' }, { type: 'without', name: family.specialists[0]!.name }],
    })
    expect(await ended(started)).toMatchObject({ state: 'done', result: { pictures: 3 } })
    await expect.poll(async () => (await server.invoke('preview.history', {})).pictures.length).toBe(3)
    const { pictures } = await server.invoke('preview.history', {})
    expect(new Set(pictures.map(({ merge }) => merge)).size).toBe(3)
    const saved = join(server.allowed, 'picture.png')
    await server.invoke('preview.saveAs', { id: pictures[0]!.id, path: saved })
    const base64 = readFileSync(saved).toString('base64')
    expect((await server.invoke('preview.readPng', { base64 })).settings).toMatchObject({
      prompt,
      seed: 7,
      steps: 2,
      guidance: preview.guidance,
      scheduler: preview.scheduler,
      // The merge without one, which came last.
      merge: pictures[0]!.merge,
      missing: [],
    })
    const text = readPngText(readFileSync(saved)).get('parameters')
    expect(text).toMatch(/Model: "FeatureFusion.*Hashes: .*Version: FeatureFusion Studio/)
    expect(text).not.toContain(server.allowed)
    const plain = pictures.find(({ merge }) => merge === null)!
    await server.invoke('preview.saveAs', { id: plain.id, path: saved, overwrite: true })
    const { sha256 } = plain.sources[0]!
    expect(readPngText(readFileSync(saved)).get('parameters')).toContain(`Model hash: ${sha256!.slice(0, 10)}`)
  })

  it('shows pictures for no other project, and again for theirs; the same run is not queued twice', async () => {
    const base = { type: 'base' } as const
    const first = await server.invoke('preview.run', { variants: [base] })
    const second = await server.invoke('preview.run', { variants: [base] })
    expect([first.isNew, second.isNew, second.job.id]).toEqual([true, false, first.job.id])
    await ended(first)
    const before = await server.invoke('preview.history', {})
    expect(before.runs.map(({ id }) => id)).toContain(first.job.id)
    await server.invoke('project.new', {})
    expect(await server.invoke('preview.history', {})).toEqual({ pictures: [], runs: [] })
    // The page asks these by itself, also while one project gives way to another.
    expect(await server.invoke('inspect.suggestions', {})).toEqual({ advice: [] })
    const { forecast, problem } = await server.invoke('export.forecast', {})
    expect([forecast, problem?.message]).toEqual([null, 'The project has no models.'])
    await server.invoke('project.demo', {})
    const { prompts, ...others } = before.runs[0]!
    expect((await server.invoke('preview.history', {})).runs[0]).toMatchObject({ ...others, prompts })
  })

  it('says what a scheduler cannot do before anything is drawn', async () => {
    const { preview } = (await server.invoke('app.snapshot', {})).project.project
    const edits = [{ type: 'set-preview' as const, preview: { ...preview, scheduler: 'lcm', steps: 60 } }]
    expect(await server.invoke('preview.check', {})).toEqual({ problem: null })
    await server.invoke('project.edit', { edits, label: 'Steps' })
    expect((await server.invoke('preview.check', {})).problem).toMatchObject({ hint: expect.stringMatching(/1 to 50/) })
    await server.invoke('project.undo', {})
  })

  it('exports what the engine alone makes of the same project, and restores it from the file', async () => {
    const { project } = await server.invoke('app.snapshot', {})
    const out = join(server.allowed, 'merged')
    expect(await server.invoke('export.forecast', {})).toMatchObject({
      forecast: { folder: true, warnings: [] },
      problem: null,
    })
    const job = await ended(await server.invoke('export.start', { path: out }))
    expect(job).toMatchObject({ state: 'done', error: null })
    const alone = join(server.folder, 'alone')
    await runMerge(await planMerge(project.project), { path: alone })
    for (const { path } of (await openCheckpoint(alone)).files) {
      const same = path.replace(alone, out)
      expect(readFileSync(same).equals(readFileSync(path)), same).toBe(true)
    }
    expect(await server.command('export.start', { path: out })).toMatchObject({ error: { kind: 'target' } })
    const restored = await server.invoke('project.restore', { path: out })
    expect(restored.missing).toEqual([])
    expect(restored.project.project.models).toEqual(project.project.models)
    expect(restored.project.project.method).toMatchObject({ name: 'featurefusion', normaliser: 'aligned' })
  })

  it('survives the death of the compute process: an error on the job, the queue goes on', async () => {
    const first = await server.invoke('inspect.start', {})
    await inbox.until(
      (message): message is EventMessage =>
        isEvent(message) && message.event.type === 'inspect-rows' && message.event.job === first.job.id,
    )
    const second = await server.invoke('models.hash', {})
    process.kill(server.running.studio.compute.pid!, 'SIGKILL')
    expect(await ended(first)).toMatchObject({ state: 'failed', error: { kind: 'compute-died' } })
    expect(await ended(second)).toMatchObject({ state: 'done' })
    expect(eventsOf(inbox).some(({ event }) => event.type === 'compute' && event.compute.died !== null)).toBe(true)
    const { project } = await server.invoke('app.snapshot', {})
    expect(project.project.models).toHaveLength(MODELS.length)
  })

  it('numbers events without holes; progress never falls', () => {
    const events = eventsOf(inbox)
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1))
    const progress = new Map<string, number>()
    for (const { event } of events) {
      if (event.type !== 'job') continue
      expect(event.job.progress).toBeGreaterThanOrEqual(progress.get(event.job.id) ?? 0)
      progress.set(event.job.id, event.job.progress)
    }
  })

  it('gives a client that comes back the tail, or tells it to take a snapshot', async () => {
    const all = eventsOf(inbox)
    const again = server.socket(String(all.length - 3))
    const tail = new Inbox(again)
    await expect.poll(() => eventsOf(tail).length).toBe(3)
    expect(tail.messages).toEqual(all.slice(-3))
    again.close()
    for (const after of ['99999', '-1', 'x']) {
      const lost = server.socket(after)
      const box = new Inbox(lost)
      await expect.poll(() => box.messages[0]).toEqual({ type: 'resync' })
      lost.close()
    }
    const { events } = await server.invoke('app.events', { after: all.length - 1 })
    expect(events).toHaveLength(1)
  })
})
