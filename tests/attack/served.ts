import type { ChildProcess } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import type { CommandInput, CommandName, CommandOutput } from '../../src-main/contract/commands'
import type { Job } from '../../src-main/contract/jobs'
import { cookieOf, sendCommand } from '../serve-command'
import { signalGroup, type CommandLine, type CommandOptions, type Ended } from './command-line'

const POLL_MS = 50

/** A program that serves the interface in a process of its own, and a client that talks to it. */
export class ServedProgram {
  private constructor(
    readonly process: ChildProcess,
    readonly ended: Promise<Ended>,
    readonly url: URL,
  ) {}

  /** Starts it and waits for its address. @throws where it ends before, with what it said */
  static async start(cli: CommandLine, args: readonly string[], options?: CommandOptions): Promise<ServedProgram> {
    const { process, ended } = cli.start(args, options)
    onTestFinished(() => signalGroup(process, 'SIGKILL'))
    let text = ''
    const url = new Promise<URL>((found) =>
      process.stdout!.on('data', (part: Buffer) => {
        text += part.toString()
        const address = /^http:\/\/\S+\/\?token=\S+$/m.exec(text)
        if (address) found(new URL(address[0]))
      }),
    )
    const failed = ended.then(({ code, stderr }) => {
      throw new Error(`It ended with ${code} and served nothing: ${stderr}`)
    })
    return new ServedProgram(process, ended, await Promise.race([url, failed]))
  }

  /** A page or file, as a browser that came with the token asks for it. */
  get(path: string): Promise<Response> {
    return fetch(new URL(path, this.url), { headers: { cookie: cookieOf(this.url) } })
  }

  /** A command as the interface sends it. @throws the error that it answers */
  invoke<C extends CommandName>(name: C, input: CommandInput<C>): Promise<CommandOutput<C>> {
    return sendCommand(this.url, name, input)
  }

  /** The job when it has come to one of these states. */
  async jobIn(states: readonly Job['state'][], { job }: { job: Job }): Promise<Job> {
    for (;;) {
      const { jobs } = await this.invoke('jobs.list', {})
      const found = jobs.find(({ id }) => id === job.id)
      if (found && states.includes(found.state)) return found
      await delay(POLL_MS)
    }
  }

  /** Asks it to end, as Ctrl+C does. */
  async stop(): Promise<Ended> {
    signalGroup(this.process, 'SIGINT')
    return this.ended
  }
}
