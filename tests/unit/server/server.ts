import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WebSocket } from 'ws'
import type { ServerMessage } from '../../../src-main/contract/protocol/wire'
import { startServer, type RunningServer, type ServeOptions } from '../../../src-main/server/serve'
import { ServeClient } from '../../serve-client'
import { COMPUTE_FILE } from '../app/compute'
import { DEMO } from '../demo-family'

/** A server in this process, over a folder of its own, and its client. */
export class TestServer extends ServeClient {
  private constructor(
    readonly folder: string,
    readonly running: RunningServer,
  ) {
    super(new URL(running.url))
  }

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

  get allowed(): string {
    return join(this.folder, 'allowed')
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
