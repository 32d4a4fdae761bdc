import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestServer } from './server'

let server: TestServer
let closed: boolean

beforeEach(async () => {
  server = await TestServer.start()
  closed = false
})
afterEach(() => (closed ? undefined : server.close()))

/** Stops the server, which must not take long whatever is open. */
async function stop(): Promise<void> {
  const started = performance.now()
  await server.running.close()
  closed = true
  expect(performance.now() - started).toBeLessThan(10_000)
}

/** A connection that sends something and then does nothing, not even close its own end. */
async function hangOn(text: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: Number(server.url.port), allowHalfOpen: true })
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.write(text, resolve))
  return socket
}

/** When the server has let go of a connection. */
const cutOff = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => socket.resume().once('end', resolve).once('close', resolve))

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('stopping', () => {
  it('takes under 2 s with sockets, requests and jobs open, and starts nothing any more', async () => {
    const { studio } = server.running
    const webSocket = server.socket('0')
    const gone = new Promise((resolve) => webSocket.once('close', resolve))
    await new Promise((resolve) => webSocket.once('open', resolve))
    const agent = new Agent({ keepAlive: true })
    await new Promise((resolve) => {
      const headers = { cookie: server.cookie }
      const sent = request({ agent, port: server.url.port, host: '127.0.0.1', headers }, (response) =>
        response.resume().on('end', resolve),
      )
      sent.end()
    })
    const halfSent = await hangOn(
      `POST /api/app.snapshot HTTP/1.1\r\nHost: ${server.url.host}\r\nCookie: ${server.cookie}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    )
    const huge = join(server.folder, 'huge')
    writeFileSync(huge, '')
    truncateSync(huge, 2 ** 38) // sparse: minutes of hashing, no disk
    const task = { type: 'hash' as const, paths: [huge], cacheFolder: server.folder }
    const { job } = studio.jobs.start({ kind: 'hash', title: 'Hash', task: () => task })
    const phase = () => studio.queue.list().find(({ id }) => id === job.id)?.phase
    await expect.poll(phase, { timeout: 10_000 }).toBe('hashing')
    const { job: waiting } = await server.invoke('models.hash', {})
    // These wait for the job and are no jobs themselves; devices are tried before, which would take them longer.
    await server.invoke('devices.list', {})
    const forecasts = [1, 2].map(() => server.command('export.forecast', {}).catch(() => 'cut off'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const pid = studio.compute.pid!

    const letGo = Promise.all([gone, cutOff(halfSent)])
    await stop()
    await letGo
    expect(await Promise.all(forecasts)).toEqual(['cut off', 'cut off'])
    await expect.poll(() => isAlive(pid)).toBe(false)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(studio.compute.pid).toBeUndefined()
    expect(studio.queue.list().map(({ id, state }) => [id, state])).toEqual([
      [job.id, 'cancelled'],
      [waiting.id, 'cancelled'],
    ])
    agent.destroy()
    halfSent.destroy()
  })

  it('keeps the last change, gives the folder free, and lets nothing write into it afterwards', async () => {
    const data = join(server.folder, 'data')
    const { studio } = server.running
    const label = 'Weigh'
    const edit = () => ({ type: 'remove-model' as const, name: studio.project.state.project.models.at(-1)!.name })
    studio.project.edit([edit()], label)
    const { models } = studio.project.state.project
    await stop()
    const kept = (): unknown => JSON.parse(readFileSync(join(data, 'autosave.json'), 'utf8'))
    expect(kept()).toMatchObject({ closed: true, dirty: true, project: { models } })
    expect(existsSync(join(data, 'studio.lock'))).toBe(false)
    studio.project.edit([edit()], label)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(kept()).toMatchObject({ closed: true, project: { models } })
  })

  it('does not wait for a client that was refused a WebSocket and stays', async () => {
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
    const refused = await Promise.all(
      ['/api/events', '/other', '//'].map((path) =>
        hangOn(
          `GET ${path} HTTP/1.1\r\nHost: ${server.url.host}\r\n${upgrade}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
        ),
      ),
    )
    for (const socket of refused) {
      const answer = await new Promise((resolve) => socket.once('data', (text) => resolve(String(text))))
      expect(answer).toMatch(/^HTTP\/1\.1 401 /)
    }
    expect(await server.command('app.snapshot', {})).toMatchObject({ ok: true })
    await stop()
    for (const socket of refused) socket.destroy()
  })
})

describe('what a second one finds', () => {
  it('a data folder that is in use: it says by whom, and touches nothing', async () => {
    const data = join(server.folder, 'data')
    const before = readFileSync(join(data, 'studio.lock'), 'utf8')
    await expect(TestServer.start({ dataFolder: data })).rejects.toMatchObject({
      kind: 'target',
      message: expect.stringMatching(new RegExp(`in use by featurefusion serve, process ${process.pid} `)),
      hint: expect.stringContaining('--data FOLDER'),
    })
    expect(readFileSync(join(data, 'studio.lock'), 'utf8')).toBe(before)
    expect(await server.command('app.snapshot', {})).toMatchObject({ ok: true })
  })

  it('a port that is in use: it says which, and leaves the folder free', async () => {
    const port = Number(server.url.port)
    const data = join(server.folder, 'another')
    await expect(TestServer.start({ port, dataFolder: data })).rejects.toMatchObject({
      kind: 'validation',
      message: `Port ${port} of 127.0.0.1 is in use by another program.`,
      hint: expect.stringContaining('--port 0'),
    })
    expect(existsSync(data)).toBe(false)
  })
})
