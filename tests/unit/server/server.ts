import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket, type ClientOptions } from 'ws'
import type { CommandInput, CommandName, CommandOutput } from '../../../src-main/contract/commands'
import { API_PATH, EVENTS_PATH, type Reply, type ServerMessage } from '../../../src-main/contract/wire'
import { startServer, type RunningServer, type ServeOptions } from '../../../src-main/server/serve'
import { cookieOf } from '../../serve-command'
import { COMPUTE_FILE } from '../app/compute'
import { DEMO } from '../demo-family'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

/** A server over a folder of its own, and ways to talk to it. */
export class TestServer {
  private constructor(
    readonly folder: string,
    readonly running: RunningServer,
  ) {}

  static async start(options: Partial<ServeOptions> = {}): Promise<TestServer> {
    const folder = mkdtempSync(join(tmpdir(), 'serve-'))
    for (const name of ['allowed', 'renderer']) mkdirSync(join(folder, name))
    writeFileSync(join(folder, 'renderer', 'index.html'), '<!doctype html>')
    const running = await startServer({
      allow: [join(folder, 'allowed')],
      rendererFolder: join(folder, 'renderer'),
      computeFile: COMPUTE_FILE,
      demoFolder: DEMO,
      dataFolder: join(folder, 'data'),
      cacheFolder: join(folder, 'cache'),
      version: '0.0.0',
      demo: true,
      ...options,
    })
    return new TestServer(folder, running)
  }

  get url(): URL {
    return new URL(this.running.url)
  }

  get allowed(): string {
    return join(this.folder, 'allowed')
  }

  get cookie(): string {
    return cookieOf(this.url)
  }

  /** One request as any program may send it. */
  send(
    path: string,
    options: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> {
    const { method = 'GET', headers = {}, body } = options
    return new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: this.url.port, path, method, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }))
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  /** A command as the interface sends it. */
  async command(name: string, input: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    const answer = await this.send(API_PATH + name, {
      method: 'POST',
      headers: { cookie: this.cookie, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(input),
    })
    return JSON.parse(answer.text) as Reply
  }

  async invoke<C extends CommandName>(name: C, input: CommandInput<C>): Promise<CommandOutput<C>> {
    const reply = await this.command(name, input)
    if (reply.ok) return reply.value as CommandOutput<C>
    throw Object.assign(new Error(reply.error.message), reply.error)
  }

  socket(after: string, options: ClientOptions = { headers: { cookie: this.cookie } }): WebSocket {
    return new WebSocket(`ws://${this.url.host}${EVENTS_PATH}?after=${after}`, options)
  }

  async close(): Promise<void> {
    await this.running.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Collects what a socket says; `until` resolves with the first message that fits, past or to come. */
export class Inbox {
  readonly messages: ServerMessage[] = []
  private readonly waiting: (() => void)[] = []

  constructor(socket: WebSocket) {
    socket.on('message', (data) => {
      this.messages.push(JSON.parse(String(data)) as ServerMessage)
      for (const check of this.waiting) check()
    })
  }

  until<Found extends ServerMessage>(fits: (message: ServerMessage) => message is Found): Promise<Found> {
    return new Promise((resolve) => {
      const check = (): void => {
        const found = this.messages.find(fits)
        if (found) resolve(found)
      }
      this.waiting.push(check)
      check()
    })
  }
}
