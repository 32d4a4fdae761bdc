import { setTimeout as delay } from 'node:timers/promises'
import { toErrorReport } from '../../contract/errors'
import { hashFile, shortHash } from '../../engine/checkpoint/hash'
import type { EventHub } from '../event-hub'
import type { JobQueue } from '../jobs/job-queue'
import type { Log } from '../log'

interface HashingHost {
  readonly queue: Pick<JobQueue, 'isBusy'>
  /** As the settings name it now. */
  readonly cache: { folder: string }
  readonly events: Pick<EventHub, 'emit'>
  readonly log: Pick<Log, 'add'>
}

/** How often a file that waits for a job asks whether the job has ended. */
const WAIT_MS = 500

/** Hashes files of the library one by one, while no job runs: files on slow disks take hours, and nobody waits for them. */
export class LibraryHashes {
  private abort = new AbortController()

  constructor(private readonly host: HashingHost) {}

  /** Begins with these; what is still to come of others is given up. None: it stops. */
  start(paths: readonly string[]): void {
    this.abort.abort()
    this.abort = new AbortController()
    void this.run(paths, this.abort.signal)
  }

  private async run(paths: readonly string[], signal: AbortSignal): Promise<void> {
    const { cache, events, log } = this.host
    const pace = (): Promise<void> => this.whileJobsRun(signal)
    const tell = (hashes: { path: string; sha256: string; shortHash: string }[], waiting: number): void => {
      if (!signal.aborted) events.emit({ type: 'library-hashes', hashes, waiting })
    }
    for (const [index, path] of paths.entries()) {
      const waiting = paths.length - index - 1
      try {
        const sha256 = await hashFile(path, { cacheFolder: cache.folder, signal, pace })
        tell([{ path, sha256, shortHash: shortHash(sha256) }], waiting)
      } catch (error) {
        if (signal.aborted) return
        log.add('warning', `Not hashed: ${toErrorReport(error).message}`)
        tell([], waiting)
      }
    }
  }

  private async whileJobsRun(signal: AbortSignal): Promise<void> {
    while (this.host.queue.isBusy && !signal.aborted)
      await delay(WAIT_MS, undefined, { signal, ref: false }).catch(() => {})
  }
}
