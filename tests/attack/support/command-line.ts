import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

const CLI = resolve('out/main/cli.js')

/** How a command ended. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** True where it had to be killed because it did not end. */
  hung: boolean
}

export interface CommandOptions {
  /** Milliseconds after which the command is killed and counts as hung. */
  limitMs?: number
  /** undefined: not set, whatever this process has. */
  env?: Readonly<Record<string, string | undefined>>
  /** Written to standard input before it is closed. */
  input?: string
  /** A program that starts the command: ['strace', '-f'], ['unshare', '-n']. */
  prefix?: readonly string[]
  /** Another way to start it than the built command line: ['npm', 'start']. */
  program?: readonly string[]
}

/** Sends a signal to a command and all that it has started, as Ctrl+C in a terminal does. */
export function signalGroup(command: ChildProcess, signal: NodeJS.Signals): void {
  if (process.platform === 'win32') command.kill(signal)
  else if (command.pid !== undefined && command.exitCode === null && command.signalCode === null)
    process.kill(-command.pid, signal)
}

/**
 * The built command line with a home, a cache and a data folder of its own inside `folder`, so that an attack can see
 * all that was written. Commands that do not end are killed.
 */
export class CommandLine {
  constructor(readonly folder: string) {
    for (const name of ['home', 'cache', 'data']) mkdirSync(join(folder, name), { recursive: true })
  }

  get home(): string {
    return join(this.folder, 'home')
  }

  get cache(): string {
    return join(this.folder, 'cache')
  }

  get data(): string {
    return join(this.folder, 'data')
  }

  start(args: readonly string[], options: CommandOptions = {}): { process: ChildProcess; ended: Promise<Ended> } {
    const { limitMs = 20_000, env, input, prefix = [], program = [process.execPath, CLI] } = options
    const [command, ...rest] = [...prefix, ...program, ...args] as [string, ...string[]]
    const child = spawn(command, rest, {
      // A group of its own, which `signalGroup` reaches.
      detached: process.platform !== 'win32',
      env: {
        ...process.env,
        HOME: this.home,
        FEATUREFUSION_CACHE: this.cache,
        FEATUREFUSION_DATA: this.data,
        ...env,
      },
    })
    child.stdin.on('error', () => {}) // a command that does not read its input may end first
    child.stdin.end(input)
    const printed = { stdout: '', stderr: '' }
    child.stdout.on('data', (text: Buffer) => (printed.stdout += text.toString()))
    child.stderr.on('data', (text: Buffer) => (printed.stderr += text.toString()))
    let hung = false
    const timer = setTimeout(() => {
      hung = true
      signalGroup(child, 'SIGKILL')
    }, limitMs)
    const ended = new Promise<Ended>((done) =>
      child.on('close', (code, signal) => {
        clearTimeout(timer)
        done({ code, signal, ...printed, hung })
      }),
    )
    return { process: child, ended }
  }

  run(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
    return this.start(args, options).ended
  }
}
