import { createXXHash64, type IHasher } from 'hash-wasm'

/** Bytes that have a checksum of their own: what is read of a file is checked in blocks of so many. */
export const CHECKED_BYTES = 256 * 1024

const hasher = await createXXHash64()
/** Another one, since checksums of blocks are asked for while it is in use. */
const orderedHasher = await createXXHash64()

/** xxHash64 of some bytes, in hexadecimal: finds damage at the speed of a disk. No protection against forgery. */
export function checksum(bytes: Uint8Array): string {
  return hasher.init().update(bytes).digest()
}

/**
 * The checksum of what one call writes, if it writes from the first byte to the last: null otherwise. A call that waits
 * for anything has a hasher of its own: the next one may use the same memory.
 */
export class OrderedChecksum {
  private end: number | null = 0

  constructor(private readonly hasher: IHasher = orderedHasher) {
    hasher.init()
  }

  add(at: number, bytes: Uint8Array): void {
    if (at === this.end) {
      this.hasher.update(bytes)
      this.end += bytes.byteLength
    } else this.end = null
  }

  /** @param byteLength of all that should have come */
  digest(byteLength: number): string | null {
    return this.end === byteLength ? this.hasher.digest() : null
  }
}

/** A hasher for an OrderedChecksum. */
export const createHasher = createXXHash64

/** Number of blocks of so many bytes. */
export function blockCount(byteLength: number): number {
  return Math.ceil(byteLength / CHECKED_BYTES)
}

/** The checksums of the blocks of these bytes. */
export function blockChecksums(bytes: Uint8Array): string[] {
  const blocks = new BlockChecksums()
  blocks.add(bytes)
  return blocks.finish()
}

/** Checksums of the blocks of bytes that come one after the other. */
export class BlockChecksums {
  private readonly values: string[] = []
  private readonly block = new Uint8Array(CHECKED_BYTES)
  private filled = 0

  add(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.byteLength;) {
      const part = bytes.subarray(done, done + CHECKED_BYTES - this.filled)
      this.block.set(part, this.filled)
      this.filled += part.byteLength
      done += part.byteLength
      if (this.filled === CHECKED_BYTES) this.close()
    }
  }

  /** The checksums of all bytes that were added; the last block may be short. */
  finish(): string[] {
    if (this.filled > 0) this.close()
    return this.values
  }

  private close(): void {
    this.values.push(checksum(this.block.subarray(0, this.filled)))
    this.filled = 0
  }
}
