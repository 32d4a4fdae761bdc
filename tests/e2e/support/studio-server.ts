import { spawn, type ChildProcess } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WELCOME_NOTES } from '../../../src-renderer/features/welcome/notes'
import { printedAddress } from '../../serve-client'

const CLI = fileURLToPath(new URL('../../../out/main/cli.js', import.meta.url))
/** A cache with the demo's cards, which `draw-cards.ts` draws before the first test. */
export const DRAWN_CARDS = fileURLToPath(new URL('../../../test-results/drawn-cards', import.meta.url))

/** `featurefusion serve` with folders of its own: no state from before, nothing left behind. */
export class StudioServer {
  private constructor(
    readonly url: string,
    /** Where models may be read and written. */
    readonly folder: string,
    private readonly process: ChildProcess,
    /** Holds that folder, the data and the cache. */
    readonly root: string,
  ) {}

  /** The host's process; the compute process is its child. */
  get pid(): number {
    return this.process.pid!
  }

  /**
   * @param isFirst whether nothing is there yet, as when the program is started for the first time
   * @param hasCards whether it has what `draw-cards.ts` drew
   */
  static async start({ isFirst = false, hasCards = false } = {}): Promise<StudioServer> {
    const root = await mkdtemp(join(tmpdir(), 'featurefusion-e2e-'))
    const folder = await mkdtemp(join(root, 'models-'))
    const data = join(root, 'data')
    await mkdir(data, { mode: 0o700 })
    if (!isFirst) await writeFile(join(data, 'settings.json'), JSON.stringify({ seen: WELCOME_NOTES }), { mode: 0o600 })
    if (hasCards) await cp(DRAWN_CARDS, join(root, 'cache'), { recursive: true })
    const served = spawn(process.execPath, [CLI, 'serve', '--port', '0', '--allow', folder], {
      env: { ...process.env, FEATUREFUSION_DATA: data, FEATUREFUSION_CACHE: join(root, 'cache') },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const { href } = await printedAddress(served)
    return new StudioServer(href, folder, served, root)
  }

  /** Runs the command line over what this server keeps; what it wrote to standard output. */
  runCli(...args: string[]): Promise<string> {
    const [data, cache] = [join(this.root, 'data'), join(this.root, 'cache')]
    return outputOf(args, { ...process.env, FEATUREFUSION_DATA: data, FEATUREFUSION_CACHE: cache })
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((resolve) => this.process.once('exit', resolve))
      this.process.kill('SIGINT')
      await ended
    }
    await rm(this.root, { recursive: true, force: true })
  }
}

/** Runs the command line to its end, with a cache that goes with it; what it wrote to standard output. */
export async function runCli(...args: string[]): Promise<string> {
  const cache = await mkdtemp(join(tmpdir(), 'featurefusion-cli-'))
  try {
    return await outputOf(args, { ...process.env, FEATUREFUSION_CACHE: cache })
  } finally {
    await rm(cache, { recursive: true, force: true })
  }
}

function outputOf(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => (output += text))
    child.once('exit', (code) => (code === 0 ? resolve(output) : reject(new Error(`${args[0]} ended with ${code}`))))
  })
}
