import { setTimeout as delay } from 'node:timers/promises'
import type { Project } from '../../contract/document/project'
import { checkpointState } from '../../engine/checkpoint/checkpoint-state'
import type { EventHub } from '../event-hub'

/** How soon a file that vanished or came back is noticed. */
const INTERVAL_MS = 2000

interface FilesHost {
  readonly events: Pick<EventHub, 'emit'>
  readonly project: { state: { project: Project } }
  readonly mayRead: (path: string) => Promise<boolean>
}

/** Notices when files of the project's models vanish, come back or are replaced, and says so as an event. */
export class ModelFiles {
  private readonly states = new Map<string, string | null>()
  private watching = false
  private stopped = false

  constructor(
    private readonly host: FilesHost,
    /** Called before clients are told. */
    private readonly onChange: () => void,
  ) {}

  /** From what these models are now on, until it is stopped: they are about to be described. */
  async watch(paths: readonly string[]): Promise<void> {
    for (const path of paths) if (!this.states.has(path)) this.states.set(path, await this.stateOf(path))
    if (this.watching || this.stopped) return
    this.watching = true
    void this.follow()
  }

  stop(): void {
    this.stopped = true
  }

  private async follow(): Promise<void> {
    for (;;) {
      await this.look()
      // A program that has nothing else to do may end.
      await delay(INTERVAL_MS, undefined, { ref: false })
      if (this.stopped) return
    }
  }

  /** Looks at the files once; those that are looked at for the first time have not changed. */
  async look(): Promise<void> {
    const paths = this.host.project.state.project.models.map(({ path }) => path)
    const changed: string[] = []
    for (const path of paths) {
      const state = await this.stateOf(path)
      if (this.states.has(path) && this.states.get(path) !== state) changed.push(path)
      this.states.set(path, state)
    }
    if (changed.length === 0 || this.stopped) return
    this.onChange()
    this.host.events.emit({ type: 'model-files', paths: changed })
  }

  private async stateOf(path: string): Promise<string | null> {
    return (await this.host.mayRead(path)) ? checkpointState(path) : null
  }
}
