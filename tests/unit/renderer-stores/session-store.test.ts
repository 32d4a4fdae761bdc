import { afterEach, describe, expect, it } from 'vitest'
import type { CommandOutput } from '../../../src-main/contract/protocol/commands'
import type { NumberedEvent } from '../../../src-main/contract/protocol/events'
import type { Snapshot } from '../../../src-main/contract/state'
import type { Bridge, Connection } from '../../../src-renderer/bridge/bridge'
import { createHttpBridge } from '../../../src-renderer/bridge/http-bridge'
import { useSession } from '../../../src-renderer/bridge/session-store'
import { TestServer } from '../server/server'
import { eventually, leave, storesOver, visit } from './page'

describe('over a real server', () => {
  let server: TestServer
  afterEach(async () => {
    await leave()
    await server.close()
  })

  const rename = (title: string) => server.invoke('project.edit', { edits: [output(title)], label: 'Title' })
  const output = (title: string) => {
    const set = { path: undefined, layout: 'same', dtype: 'same', include: ['unet'], title } as const
    return { type: 'set-output' as const, output: { ...set, include: [...set.include] } }
  }

  it('has a snapshot first and every event after it; after a restart of the host, the new host’s snapshot', async () => {
    server = await TestServer.start()
    visit(server)
    const session = useSession(storesOver(createHttpBridge()))
    const snapshots: Snapshot[] = []
    const titles: (string | undefined)[] = []
    session.onSnapshot((snapshot) => snapshots.push(snapshot))
    session.onEvent((event) => event.type === 'project' && titles.push(event.project.project.output.title))
    await session.start()
    expect(session.ready).toBe(true)
    expect(snapshots).toHaveLength(1)
    await rename('first')
    await rename('second')
    await eventually(() => expect(titles).toEqual(['first', 'second']))

    const port = Number(server.url.port)
    await server.close()
    await eventually(() => expect(session.connection).toBe('lost'))
    server = await TestServer.start({ port })
    // It has told more events than the old one: their numbers alone do not tell the hosts apart.
    for (const title of ['a', 'b', 'c', 'd', 'e']) await rename(title)
    visit(server)
    await eventually(() => expect(snapshots.at(-1)!.project.project.output.title).toBe('e'))
    expect(titles.slice(0, 2)).toEqual(['first', 'second'])
    await eventually(() => expect(session.connection).toBe('connected'))
    await rename('after')
    await eventually(() => expect(titles.at(-1)).toBe('after'))
  })
})

describe('whatever the order of what comes', () => {
  /** A host that answers and tells when the test says so. */
  class ScriptedHost implements Bridge {
    readonly snapshots: ((answer: Snapshot | Error) => void)[] = []
    readonly connectedAfter: number[] = []
    private listener: (event: NumberedEvent) => void = () => undefined
    private onState: (connection: Connection) => void = () => undefined
    missed: () => void = () => undefined

    readonly client: Bridge['client'] = {
      invoke: (command) =>
        new Promise((resolve, reject) => {
          expect(command).toBe('app.snapshot')
          this.snapshots.push((answer) =>
            answer instanceof Error ? reject(answer) : resolve(answer as CommandOutput<typeof command>),
          )
        }),
      on: (listener) => {
        this.listener = listener
        return () => undefined
      },
    }
    connect = (after: number): void => void this.connectedAfter.push(after)
    onConnection = (listener: (connection: Connection) => void): void => void (this.onState = listener)
    onMissed = (listener: () => void): void => void (this.missed = listener)
    pathOf = (): null => null

    /** The newest request for a snapshot is answered. */
    async answer(sequence: number | Error): Promise<void> {
      const snapshot = { sequence, host: 'serve', version: '1', recent: [] } as unknown as Snapshot
      this.snapshots.at(-1)!(sequence instanceof Error ? sequence : snapshot)
      await new Promise((resolve) => setTimeout(resolve))
    }
    tell(...numbers: number[]): void {
      for (const sequence of numbers) this.listener({ sequence, event: { type: 'job-removed', id: String(sequence) } })
    }
    state(connection: Connection): void {
      this.onState(connection)
    }
  }

  function started() {
    const host = new ScriptedHost()
    const session = useSession(storesOver(host))
    const told: string[] = []
    session.onEvent((event) => event.type === 'job-removed' && told.push(event.id))
    void session.start()
    return { host, session, told }
  }

  it('keeps events that come before the snapshot, and leaves out those that it has', async () => {
    const { host, told } = started()
    host.tell(4, 5, 6, 7)
    expect(told).toEqual([])
    await host.answer(5)
    expect(told).toEqual(['6', '7'])
    host.tell(7, 8)
    expect(told).toEqual(['6', '7', '8'])
    expect(host.connectedAfter).toEqual([5])
  })

  it('takes a snapshot where an event is missing, or the host says so, and only one at a time', async () => {
    const { host, told } = started()
    await host.answer(1)
    host.tell(2, 5)
    expect(host.snapshots).toHaveLength(2)
    host.tell(6)
    host.missed()
    expect(host.snapshots).toHaveLength(2)
    await host.answer(5)
    expect(told).toEqual(['2', '6'])
    expect(host.connectedAfter).toEqual([1, 5])
    host.missed()
    expect(host.snapshots).toHaveLength(3)
  })

  it('says why there is no snapshot, and takes one when asked again', async () => {
    const { host, session } = started()
    await host.answer(new Error('no answer'))
    expect(session.failure?.message).toContain('no answer')
    expect(session.ready).toBe(false)
    void session.load()
    await host.answer(3)
    expect(session.failure).toBeNull()
    expect(session.ready).toBe(true)
  })

  it('takes a snapshot once the host is back that went away before it answered', async () => {
    const { host, session, told } = started()
    await host.answer(1)
    host.state('connected')
    host.missed()
    host.tell(9)
    host.state('lost')
    await host.answer(new Error('no answer'))
    expect(host.snapshots).toHaveLength(2)
    host.state('connected')
    expect(host.snapshots).toHaveLength(3)
    // Event 9 was the old host's.
    await host.answer(8)
    expect(told).toEqual([])
    host.tell(9)
    expect(told).toEqual(['9'])
    expect(session.failure).toBeNull()
  })

  it('asks again where a host that is connected gave no snapshot', async () => {
    const { host, session, told } = started()
    await host.answer(1)
    host.state('connected')
    host.missed()
    await host.answer(new Error('broken off'))
    await eventually(() => expect(host.snapshots).toHaveLength(3))
    await host.answer(4)
    host.tell(5)
    expect(told).toEqual(['5'])
    expect(session.failure).toBeNull()
  })

  it('asks the host that is back, also where the one before has not answered yet', async () => {
    const { host, session } = started()
    await host.answer(1)
    host.state('connected')
    host.missed()
    host.state('lost')
    host.state('connected')
    expect(host.snapshots).toHaveLength(2)
    await host.answer(new Error('no answer'))
    expect(host.snapshots).toHaveLength(3)
    await host.answer(2)
    expect(session.failure).toBeNull()
    expect(host.connectedAfter).toEqual([1, 2])
  })
})
