import { WebSocket } from 'ws'
import type { CommandInput, CommandName, CommandOutput } from '../../src-main/contract/commands'
import type { AppEvent } from '../../src-main/contract/events'
import type { Job } from '../../src-main/contract/jobs'
import type { LiveState } from '../../src-main/contract/preview'
import { EVENTS_PATH, type ServerMessage } from '../../src-main/contract/wire'
import { cookieOf, sendCommand } from '../serve-command'

/** A plain client of `serve`, as the interface is one. */
export class ServeClient {
  /** States of the live preview, in the order in which they came. */
  readonly liveStates: LiveState[] = []
  private readonly jobs = new Map<string, Job>()
  private readonly waiting = new Set<() => void>()

  private constructor(
    private readonly url: URL,
    private readonly socket: WebSocket,
  ) {
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as ServerMessage
      if (message.type === 'event') this.receive(message.event)
    })
  }

  /** @param address with its token, as `serve` prints it */
  static async connect(address: string): Promise<ServeClient> {
    const url = new URL(address)
    const socket = new WebSocket(`ws://${url.host}${EVENTS_PATH}?after=0`, { headers: { cookie: cookieOf(url) } })
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject))
    return new ServeClient(url, socket)
  }

  invoke<C extends CommandName>(name: C, input: CommandInput<C>): Promise<CommandOutput<C>> {
    return sendCommand(this.url, name, input)
  }

  edit(edits: CommandInput<'project.edit'>['edits']): Promise<unknown> {
    return this.invoke('project.edit', { edits, label: 'Bench' })
  }

  /** Waits until a job has ended. Rejects where it failed. */
  async untilDone({ job: { id } }: { job: Job }): Promise<void> {
    const job = await this.until(() => {
      const found = this.jobs.get(id)
      return found && found.endedAt !== null ? found : undefined
    })
    if (job.state !== 'done') throw new Error(`${job.title}: ${job.error?.message ?? job.state}`)
  }

  /** Waits for a whole grid of the project as it is, told after the first `from` live states. */
  async untilShown(from: number): Promise<void> {
    const shown = await this.until(() =>
      this.liveStates
        .slice(from)
        .find(
          ({ error, stage, current, pictures }) =>
            error !== null || (stage === 'shown' && current && pictures.every(({ url }) => url)),
        ),
    )
    if (shown.error !== null) throw new Error(shown.error.message)
  }

  close(): void {
    this.socket.close()
  }

  private receive(event: AppEvent): void {
    if (event.type === 'live') this.liveStates.push(event.live)
    if (event.type === 'job') this.jobs.set(event.job.id, event.job)
    for (const check of this.waiting) check()
  }

  private until<Found>(find: () => Found | undefined): Promise<Found> {
    return new Promise((resolve) => {
      const check = (): void => {
        const found = find()
        if (found === undefined) return
        this.waiting.delete(check)
        resolve(found)
      }
      this.waiting.add(check)
      check()
    })
  }
}
