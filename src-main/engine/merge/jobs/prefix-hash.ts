import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'

const BLOCK_BYTES = 4 * 1024 * 1024

/** Hashes a file's data while other threads write it in any order: whatever is complete from the start on. */
export class PrefixHash {
  private readonly hash = createHash('sha256')
  private readonly waiting = new Map<number, number>()
  private readonly descriptor: number
  private readonly buffer = Buffer.allocUnsafe(BLOCK_BYTES)
  private next = 0

  /** @param dataStart first byte of the data in the file */
  constructor(
    path: string,
    private readonly dataStart: number,
  ) {
    this.descriptor = openSync(path, 'r')
  }

  /** Says that `byteLength` bytes of data from `offset` on are written. */
  complete(offset: number, byteLength: number): void {
    if (byteLength > 0) this.waiting.set(offset, byteLength)
    for (let length = this.waiting.get(this.next); length !== undefined; length = this.waiting.get(this.next)) {
      this.waiting.delete(this.next)
      this.absorb(this.next, length)
      this.next += length
    }
  }

  /** The sha256 of all data, `total` bytes. */
  digest(total: number): string {
    if (this.next !== total) throw new Error(`${total - this.next} bytes were never written`)
    return this.hash.digest('hex')
  }

  close(): void {
    closeSync(this.descriptor)
  }

  private absorb(offset: number, byteLength: number): void {
    for (let done = 0; done < byteLength;) {
      const wanted = Math.min(BLOCK_BYTES, byteLength - done)
      const count = readSync(this.descriptor, this.buffer, 0, wanted, this.dataStart + offset + done)
      if (count === 0) throw new Error('the output became shorter while it was written')
      this.hash.update(this.buffer.subarray(0, count))
      done += count
    }
  }
}
