import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { build } from 'vite'
import { assemblyscript } from '../../../build/assemblyscript-plugin'

/** What a process printed, and how it ended. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/**
 * Where the run of tests of this process id keeps the program: Vitest's, whose children the test files are. In the project,
 * so that the program finds its packages.
 */
export function builtFolder(vitest: number): string {
  return resolve('out', `test-cli-${vitest}`)
}

/** Builds the program once for all test files of a run; those that come while it is built wait. */
async function builtOnce(): Promise<string> {
  const folder = builtFolder(process.ppid)
  const [done, failed] = [join(folder, 'done'), join(folder, 'failed')]
  mkdirSync('out', { recursive: true })
  try {
    mkdirSync(folder)
  } catch {
    while (!existsSync(done)) {
      if (existsSync(failed)) throw new Error('The program could not be built: another test file says why.')
      await delay(50)
    }
    return folder
  }
  try {
    await build({
      configFile: false,
      logLevel: 'error',
      plugins: [assemblyscript()],
      build: {
        ssr: true,
        target: 'node20',
        outDir: folder,
        emptyOutDir: false,
        rollupOptions: {
          input: { cli: resolve('src-main/cli.ts'), 'tensor-worker': resolve('src-main/tensor-worker.ts') },
        },
      },
    })
    writeFileSync(done, '')
    return folder
  } catch (error) {
    writeFileSync(failed, '')
    throw error
  }
}

/** The command line as it is built and run, worker threads included. */
export class BuiltCli {
  private constructor(
    private readonly folder: string,
    private readonly cache: string,
    private readonly environment: Readonly<Record<string, string>> = {},
  ) {}

  /** The program, with a cache of its own. */
  static async build(): Promise<BuiltCli> {
    return new BuiltCli(await builtOnce(), mkdtempSync(join(tmpdir(), 'featurefusion-cache-')))
  }

  get workerFile(): URL {
    return new URL(`file://${join(this.folder, 'tensor-worker.js')}`)
  }

  /** The same program with another cache folder. */
  withCache(cache: string): BuiltCli {
    return new BuiltCli(this.folder, cache)
  }

  /** The same program with variables of its environment. */
  withEnvironment(environment: Readonly<Record<string, string>>): BuiltCli {
    return new BuiltCli(this.folder, this.cache, environment)
  }

  start(...args: string[]): { process: ChildProcess; ended: Promise<Ended> } {
    const env = { ...process.env, ...this.environment, FEATUREFUSION_CACHE: this.cache }
    const child = spawn(process.execPath, [join(this.folder, 'cli.js'), ...args], { env })
    const printed = { stdout: '', stderr: '' }
    child.stdout.on('data', (text: Buffer) => (printed.stdout += text.toString()))
    child.stderr.on('data', (text: Buffer) => (printed.stderr += text.toString()))
    const ended = new Promise<Ended>((done) => child.on('close', (code, signal) => done({ code, signal, ...printed })))
    return { process: child, ended }
  }

  run(...args: string[]): Promise<Ended> {
    return this.start(...args).ended
  }

  /** Removes the cache; the program goes with the run. */
  remove(): void {
    rmSync(this.cache, { recursive: true, force: true })
  }
}
