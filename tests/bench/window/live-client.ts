import type { WebSocket } from 'ws'
import type { CommandInput } from '../../../src-main/contract/protocol/commands'
import type { AppEvent } from '../../../src-main/contract/protocol/events'
import type { Job } from '../../../src-main/contract/jobs'
import type { LiveState } from '../../../src-main/contract/preview'
import type { ServerMessage } from '../../../src-main/contract/protocol/wire'
import { ServeClient } from '../../serve-client'

/** A client of `serve` that follows jobs and the live preview by events. */
export class LiveClient extends ServeClient {
  /** States of the live preview, in the order in which they came. */
  readonly liveStates: LiveState[] = []
  private readonly jobs = new Map<string, Job>()
  private readonly waiting = new Set<() => void>()

  private readonly events: WebSocket

  private constructor(url: URL) {
    super(url)
    this.events = this.socket('0')
    this.events.on('message', (data) => {
      const message = JSON.parse(String(data)) as ServerMessage
      if (message.type === 'event') this.receive(message.event)
    })
  }

  /** @param address with its token, as `serve` prints it */
  static async connect(address: string): Promise<LiveClient> {
    const client = new LiveClient(new URL(address))
    await new Promise((resolve, reject) => client.events.on('open', resolve).on('error', reject))
    return client
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
    this.events.close()
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
