import { afterAll, beforeAll, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import type { LiveState } from '../../../src-main/contract/preview'
import type { Project } from '../../../src-main/contract/document/project'
import type { ServerMessage } from '../../../src-main/contract/protocol/wire'
import { Inbox, TestServer } from './server'

type EventMessage = Extract<ServerMessage, { type: 'event' }>
type LiveMessage = EventMessage & { event: { type: 'live'; live: LiveState } }

let server: TestServer
let socket: WebSocket
let inbox: Inbox

const liveMessages = (): LiveMessage[] =>
  inbox.messages.filter((message): message is LiveMessage => message.type === 'event' && message.event.type === 'live')
const stateOf = ({ event }: LiveMessage): LiveState => event.live

/** The next state that fits, of those that come after `from` live events. */
async function nextState(from: number, fits: (state: LiveState) => boolean): Promise<LiveState> {
  const found = await inbox.until((message): message is LiveMessage => {
    const place = liveMessages().indexOf(message as LiveMessage)
    return place >= from && fits(stateOf(message as LiveMessage))
  })
  return stateOf(found)
}

const isWhole = ({ stage, current, pictures }: LiveState): boolean =>
  stage === 'shown' && current && pictures.length > 0 && pictures.every(({ url }) => url !== null)

async function project(): Promise<Project> {
  return (await server.invoke('app.snapshot', {})).project.project
}

async function weigh(index: number, change: Partial<Project['models'][number]>): Promise<void> {
  const { models } = await project()
  const model = { ...models[index]!, ...change }
  await server.invoke('project.edit', { edits: [{ type: 'set-model', name: model.name, model }], label: 'Weigh' })
}

beforeAll(async () => {
  server = await TestServer.start()
  socket = server.socket('0')
  inbox = new Inbox(socket)
  await new Promise((resolve) => socket.on('open', resolve))
  const { preview } = await project()
  const edits = [{ type: 'set-preview' as const, preview: { ...preview, steps: 10, seeds: [1, 2, 3, 4] } }]
  await server.invoke('project.edit', { edits, label: 'Fewer steps' })
})
afterAll(async () => {
  socket.close()
  await server.close()
})

it('shows pictures of the merge as it is: few steps first, then all, fed into one network', async () => {
  await server.invoke('preview.live', { on: true })
  const state = await nextState(0, isWhole)
  expect(state).toMatchObject({ steps: 10, error: null, feeding: { mode: 'fed', reason: null } })
  expect(state.pictures).toHaveLength(4)
  expect(liveMessages().some((message) => stateOf(message).steps === 8)).toBe(true)
  const answer = await server.send(`/${state.pictures[0]!.url}`, { headers: { cookie: server.cookie } })
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'image/png'])
  expect((await project()).method.reuse).toBe(true)
}, 120_000)

it('follows every change, sums only what changed, and never mixes two states', async () => {
  const before = liveMessages().length
  await weigh(1, { blocks: { M00: 0.3 } })
  const { summed, seconds } = await nextState(before, isWhole)
  expect(summed!.tensors).toBeGreaterThan(0)
  expect(summed!.tensors).toBeLessThan(summed!.of / 2)
  expect(seconds).toBeGreaterThan(0)

  const from = liveMessages().length
  for (const weight of [0.2, 0.4, 0.6, 0.8]) await weigh(2, { weight })
  await nextState(from, isWhole)
  for (const message of liveMessages()) {
    const { pictures, steps } = stateOf(message)
    const shown = pictures.flatMap(({ url }) => (url === null ? [] : [url.split('/')]))
    expect(new Set(shown.map((parts) => parts.at(-2))).size).toBeLessThanOrEqual(1)
    for (const parts of shown) expect(parts.at(-1)).toMatch(new RegExp(`-${steps}\\.png$`))
  }
  const { jobs } = await server.invoke('jobs.list', {})
  expect(jobs.filter(({ kind, endedAt }) => kind === 'live' && endedAt !== null)).toEqual([])
}, 120_000)

it('goes on when the cache loses what it had kept', async () => {
  await server.invoke('cache.clear', {})
  const from = liveMessages().length
  await weigh(1, { weight: 0.7 })
  const { error } = await nextState(from, (state) => isWhole(state) || state.error !== null)
  expect(error).toBeNull()
}, 120_000)

it('says what is wrong and goes on when it is mended', async () => {
  const from = liveMessages().length
  const { preview } = await project()
  const set = (prompts: string[]) =>
    server.invoke('project.edit', {
      edits: [{ type: 'set-preview', preview: { ...preview, prompts } }],
      label: 'Prompts',
    })
  await set([])
  expect((await nextState(from, ({ error }) => error !== null)).error).toMatchObject({ kind: 'validation' })
  await set(preview.prompts.slice(0, 1))
  await nextState(liveMessages().length, (state) => isWhole(state) && state.error === null)
}, 60_000)

it('builds the network anew from the export where weights cannot be fed, and says why', async () => {
  const { method } = await project()
  const use = (name: Project['method']['name']) =>
    server.invoke('project.edit', { edits: [{ type: 'set-method', method: { ...method, name } }], label: 'Method' })
  const from = liveMessages().length
  await use('iso-c')
  const { feeding } = await nextState(from, (state) => isWhole(state) && state.feeding?.mode === 'rebuilt')
  expect(feeding!.fedSeconds).toBeNull()
  expect(feeding!.reason).toMatch(/merges whole layers anew/)
  const back = liveMessages().length
  await use(method.name)
  await nextState(back, (state) => isWhole(state) && state.feeding?.mode === 'fed')
}, 120_000)

it('ends when it is turned off', async () => {
  expect(await server.invoke('preview.live', { on: false })).toMatchObject({ stage: 'off', pictures: [] })
  const from = liveMessages().length
  await weigh(1, { weight: 0.9 })
  await server.invoke('export.forecast', {})
  expect(liveMessages().length).toBe(from)
  expect((await server.invoke('app.snapshot', {})).live.stage).toBe('off')
}, 60_000)
