import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { NumberedEvent } from '../../../src-main/contract/protocol/events'
import type { Bridge, Connection } from '../../../src-renderer/bridge/bridge'
import { createHttpBridge } from '../../../src-renderer/bridge/http-bridge'
import { TestServer } from '../server/server'
import { eventually, leave, visit } from './page'

let server: TestServer
let sockets: ReturnType<typeof visit>
let bridge: Bridge
let events: NumberedEvent[]
let connections: Connection[]

beforeEach(async () => {
  server = await TestServer.start()
  sockets = visit(server)
  bridge = createHttpBridge()
  events = []
  connections = []
  bridge.client.on((event) => events.push(event))
  bridge.onConnection((connection) => connections.push(connection))
})
afterEach(async () => {
  await leave()
  await server.close()
})

/** An edit by somebody else: it makes an event. */
async function editSeed(seed: number): Promise<void> {
  const { project } = (await server.invoke('app.snapshot', {})).project
  const edits = [{ type: 'set-method' as const, method: { ...project.method, seed } }]
  await server.invoke('project.edit', { edits, label: 'Seed' })
}

/** Seeds that events told, as a client sees them. */
const seeds = (): number[] =>
  events.flatMap(({ event }) => (event.type === 'project' ? [event.project.project.method.seed] : []))

it('brings a command’s answer, and throws what the host refuses as the host said it', async () => {
  const snapshot = await bridge.client.invoke('app.snapshot', {})
  expect(snapshot.project.title).toBe('Demo')
  const edits = [{ type: 'remove-model' as const, name: 'nobody' }]
  const refused = bridge.client.invoke('project.edit', { edits, label: 'Remove' })
  await expect(refused).rejects.toMatchObject({ name: 'FusionError', message: expect.stringContaining('nobody') })
})

it('delivers every event after a number, once and in order, also those of a time without connection', async () => {
  const { sequence } = await bridge.client.invoke('app.snapshot', {})
  await editSeed(1)
  bridge.connect(sequence)
  await eventually(() => expect(seeds()).toEqual([1]))
  sockets[0]!.terminate()
  await editSeed(2)
  await editSeed(3)
  await eventually(() => expect(seeds()).toEqual([1, 2, 3]))
  expect(connections).toEqual(['connected', 'lost', 'connected'])
  const numbers = events.map((event) => event.sequence)
  expect(numbers).toEqual(numbers.map((_, index) => sequence + 1 + index))
})

it('says that the server went away, and comes back with it', async () => {
  const { sequence } = await bridge.client.invoke('app.snapshot', {})
  bridge.connect(sequence)
  await eventually(() => expect(connections).toEqual(['connected']))
  const port = Number(server.url.port)
  await server.close()
  await eventually(() => expect(connections.at(-1)).toBe('lost'))
  await expect(bridge.client.invoke('app.snapshot', {})).rejects.toMatchObject({
    message: 'FeatureFusion Studio does not answer.',
    hint: expect.stringContaining('still running'),
  })
  server = await TestServer.start({ port })
  sockets = visit(server)
  await eventually(() => expect(connections.at(-1)).toBe('connected'))
  expect((await bridge.client.invoke('app.snapshot', {})).project.title).toBe('Demo')
})

it('says that events were missed where the host cannot send them again', async () => {
  const missed = vi.fn()
  bridge.onMissed(missed)
  bridge.connect(1_000_000)
  await eventually(() => expect(missed).toHaveBeenCalledOnce())
})

it('begins anew after another number without a word of a lost connection', async () => {
  const { sequence } = await bridge.client.invoke('app.snapshot', {})
  bridge.connect(sequence)
  await eventually(() => expect(connections).toEqual(['connected']))
  await editSeed(4)
  await eventually(() => expect(seeds()).toEqual([4]))
  bridge.connect(sequence)
  await eventually(() => expect(seeds()).toEqual([4, 4]))
  expect(connections).toEqual(['connected', 'connected'])
})
