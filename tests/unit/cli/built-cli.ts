import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'vite'
import { assemblyscript } from '../../../build/assemblyscript-plugin'

/** What a process printed, and how it ended. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** The command line as it is built and run, worker threads included. */
export class BuiltCli {
  private constructor(
    private readonly folder: string,
    private readonly cache = join(folder, 'cache'),
    private readonly environment: Readonly<Record<string, string>> = {},
  ) {}

  static async build(): Promise<BuiltCli> {
    mkdirSync('out', { recursive: true })
    const folder = mkdtempSync(resolve('out', 'test-cli-'))
    await build({
      configFile: false,
      logLevel: 'error',
      plugins: [assemblyscript()],
      build: {
        ssr: true,
        target: 'node20',
        outDir: folder,
        rollupOptions: {
          input: { cli: resolve('src-main/cli.ts'), 'tensor-worker': resolve('src-main/tensor-worker.ts') },
        },
      },
    })
    return new BuiltCli(folder)
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

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }
}
