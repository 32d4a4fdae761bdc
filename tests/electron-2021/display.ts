import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const DIALOG_LIMIT_MS = 20_000

/** A screen that nobody sees. Windows on it have no manager: they lie in its corner, without a frame. */
export class Display {
  private constructor(
    readonly name: string,
    private readonly server: ReturnType<typeof spawn>,
  ) {}

  static async open(): Promise<Display> {
    const args = ['-displayfd', '3', '-screen', '0', '1280x800x24', '-ac', '-nolisten', 'tcp']
    const server = spawn('Xvfb', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
    const [number] = (await once(server.stdio[3] as Readable, 'data')) as [Buffer]
    return new Display(`:${number.toString().trim()}`, server)
  }

  /** Waits for a dialog of the system with this title, types a path into it, and confirms until it is gone. */
  async answerDialog(title: string, path: string): Promise<void> {
    const search = ['search', '--onlyvisible', '--name', `^${title}$`]
    const [window] = (await this.xdotool('search', '--sync', ...search.slice(1))).split('\n')
    await this.xdotool('windowfocus', window!)
    // Where no name can be typed, the first slash opens a field for a path, and a key that comes too early is lost.
    await this.xdotool('type', '/')
    await setTimeout(1000)
    await this.xdotool('key', 'ctrl+a')
    await this.xdotool('type', '--delay', '20', path)
    // It hears nothing while it reads a folder, and xdotool fails where there is no such window.
    do {
      await this.xdotool('key', 'Return')
      await setTimeout(500)
    } while (await this.xdotool(...search).catch(() => ''))
  }

  close(): void {
    this.server.kill()
  }

  private async xdotool(...args: string[]): Promise<string> {
    const options = { env: { ...process.env, DISPLAY: this.name }, timeout: DIALOG_LIMIT_MS }
    return (await execute('xdotool', args, options)).stdout
  }
}
