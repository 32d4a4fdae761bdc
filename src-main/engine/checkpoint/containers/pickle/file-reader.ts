import { closeSync, fstatSync, readSync, type BigIntStats } from 'node:fs'
import { openRegularFileSync } from '../../../files/reading/regular-file'
import { unreadable } from '../../../files/reading/file-errors'
import { malformedPickle } from './byte-reader'

/** A file that is open while its structure is read: thousands of small reads, all of them before anything waits. */
export class FileReader {
  readonly stats: BigIntStats
  readonly size: number
  private readonly descriptor: number

  /** @throws FusionError 'not-found', 'unreadable', 'unsupported' (what is no regular file) */
  constructor(readonly path: string) {
    this.descriptor = openRegularFileSync(path)
    this.stats = fstatSync(this.descriptor, { bigint: true })
    this.size = Number(this.stats.size)
  }

  /** `count` bytes from `position` on. @throws FusionError 'malformed' where the file ends before */
  read(position: number, count: number): Buffer {
    if (position < 0 || position + count > this.size) throw malformedPickle(this.path, 'it ends too early')
    const bytes = Buffer.allocUnsafe(count)
    for (let done = 0; done < count;) {
      const read = this.attempt(() => readSync(this.descriptor, bytes, done, count - done, position + done))
      if (read === 0) throw malformedPickle(this.path, 'it became shorter while it was read')
      done += read
    }
    return bytes
  }

  close(): void {
    closeSync(this.descriptor)
  }

  private attempt<T>(call: () => T): T {
    try {
      return call()
    } catch (cause) {
      throw unreadable(this.path, cause)
    }
  }
}
