import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const DIALOG_LIMIT_MS = 20_000
/** Of one path: a folder that is entered, one that is chosen, and some to spare. */
const MOST_CONFIRMATIONS = 6

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
    const search = ['--onlyvisible', '--name', `^${title}$`]
    const [window] = (await this.xdotool('search', '--sync', ...search)).split('\n')
    const isThere = async (): Promise<boolean> => (await this.xdotool('search', ...search).catch(() => '')) !== ''
    // A key that comes while it reads a folder is lost, and the path with it: then all is typed again.
    while (await isThere()) {
      await this.xdotool('windowfocus', window!)
      // Where no name can be typed, the first slash opens a field for a path.
      await this.xdotool('type', '/')
      await setTimeout(1000)
      await this.xdotool('key', 'ctrl+a')
      await this.xdotool('type', '--delay', '20', path)
      for (let confirmed = 0; confirmed < MOST_CONFIRMATIONS && (await isThere()); confirmed++) {
        await this.xdotool('key', 'Return')
        await setTimeout(500)
      }
    }
  }

  close(): void {
    this.server.kill()
  }

  private async xdotool(...args: string[]): Promise<string> {
    const options = { env: { ...process.env, DISPLAY: this.name }, timeout: DIALOG_LIMIT_MS }
    return (await execute('xdotool', args, options)).stdout
  }
}
