import type { ChildProcess } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { printedAddress, ServeClient } from '../../serve-client'
import { signalGroup, type CommandLine, type CommandOptions, type Ended } from './command-line'

/** A client of a program that serves the interface in a process of its own. */
export class ServedProgram extends ServeClient {
  private constructor(
    url: URL,
    readonly process: ChildProcess,
    readonly ended: Promise<Ended>,
  ) {
    super(url)
  }

  /** Starts it and waits for its address. @throws where it ends before, with what it said */
  static async start(cli: CommandLine, args: readonly string[], options?: CommandOptions): Promise<ServedProgram> {
    const { process, ended } = cli.start(args, options)
    onTestFinished(() => signalGroup(process, 'SIGKILL'))
    const failed = ended.then(({ code, stderr }) => {
      throw new Error(`It ended with ${code} and served nothing: ${stderr}`)
    })
    const address = printedAddress(process).catch(() => failed) // which knows what it said on standard error
    return new ServedProgram(await Promise.race([address, failed]), process, ended)
  }

  /** Asks it to end, as Ctrl+C does. */
  async stop(): Promise<Ended> {
    signalGroup(this.process, 'SIGINT')
    return this.ended
  }
}
