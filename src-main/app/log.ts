import { appendFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { AppEvent } from '../contract/protocol/events'
import type { LogEntry } from '../contract/state'
import { makePrivateFolder, PRIVATE_FILE } from '../engine/files/writing/permissions'

const KEPT = 1000
const FILE_LIMIT_BYTES = 2 * 2 ** 20

/** What happened, for people who look for a cause: the last entries in memory, more of them in a file. */
export class Log {
  private readonly entries: LogEntry[] = []
  private writing: Promise<void> = Promise.resolve()

  constructor(
    private readonly file: string,
    private readonly emit: (event: AppEvent) => void,
  ) {}

  add(level: LogEntry['level'], message: string, detail?: string): void {
    const entry: LogEntry = { time: Date.now(), level, message, ...(detail !== undefined && { detail }) }
    this.entries.push(entry)
    if (this.entries.length > KEPT) this.entries.shift()
    this.emit({ type: 'log', entry })
    this.writing = this.writing.then(() => this.append(entry))
  }

  /** Newest last. */
  read(limit: number): LogEntry[] {
    return this.entries.slice(-limit)
  }

  /** Resolves when all entries are on the disk. */
  flush(): Promise<void> {
    return this.writing
  }

  private async append({ time, level, message, detail }: LogEntry): Promise<void> {
    const lines = [`${new Date(time).toISOString()} ${level} ${message}`, ...(detail === undefined ? [] : [detail])]
    try {
      makePrivateFolder(dirname(this.file))
      const size = await stat(this.file).then(
        (found) => found.size,
        () => 0,
      )
      if (size > FILE_LIMIT_BYTES) await rename(this.file, `${this.file}.old`)
      await appendFile(this.file, `${lines.join('\n')}\n`, { mode: PRIVATE_FILE })
    } catch {
      // A log that cannot be written must not stop what it tells about.
    }
  }
}
