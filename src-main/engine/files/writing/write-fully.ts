import { writeSync } from 'node:fs'

/** Writes all bytes from `position` of an open file on. @throws what the file system throws */
export function writeFully(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.byteLength;) {
    done += writeSync(descriptor, bytes, done, bytes.byteLength - done, position + done)
  }
}
