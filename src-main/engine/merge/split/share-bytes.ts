import { closeSync, fsyncSync, openSync, readSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { OrderedChecksum } from '../../files/kept/checksums'
import { isThere } from '../../files/reading/regular-file'
import { temporaryName } from '../../files/writing/temporary-name'
import { writeFully } from '../../files/writing/write-fully'
import { outputPath, type OutputFile } from '../plan/export/output-files'
import type { FinishedWork, WrittenRange } from '../resume/journal-lines'
import type { ShareFiles } from './share-files'

const BLOCK_BYTES = 4 * 1024 * 1024

/** A range of a share's bytes, and where they lie. */
export interface StoredRange {
  range: WrittenRange
  path: string
  position: number
}

/**
 * Where the bytes of a share lie: one after the other in a file of their own, or at their own places among those of the
 * others.
 * @param work what the share has noted, in the order of its journal
 * @param root of the data, where they are not packed
 */
export function storedRanges(
  own: ShareFiles,
  work: readonly FinishedWork[],
  files: readonly OutputFile[],
  root: string | null,
): StoredRange[] {
  let before = 0
  return work.flatMap(({ ranges }) =>
    ranges.map((range) => {
      const position = root === null ? before : range.offset
      before += range.byteLength
      return { range, path: root === null ? own.packedPath : outputPath(root, files[range.file]!), position }
    }),
  )
}

/** Reads bytes of shares and tells whether they are those that were written. */
export class ShareReader {
  private readonly descriptors = new Map<string, number>()
  private readonly buffer = Buffer.allocUnsafe(BLOCK_BYTES)

  /**
   * @param each called with the bytes from the first on, and how many came before
   * @returns whether all are there and have the checksum that was noted
   */
  read({ range, path, position }: StoredRange, each: (bytes: Uint8Array, at: number) => void): boolean {
    const descriptor = this.descriptorOf(path)
    if (descriptor === null) return false
    const checksum = new OrderedChecksum()
    for (let done = 0; done < range.byteLength;) {
      const wanted = Math.min(BLOCK_BYTES, range.byteLength - done)
      const count = readSync(descriptor, this.buffer, 0, wanted, position + done)
      if (count === 0) return false
      const bytes = this.buffer.subarray(0, count)
      checksum.add(done, bytes)
      each(bytes, done)
      done += count
    }
    return checksum.digest(range.byteLength) === range.checksum
  }

  close(): void {
    for (const descriptor of this.descriptors.values()) closeSync(descriptor)
    this.descriptors.clear()
  }

  private descriptorOf(path: string): number | null {
    const known = this.descriptors.get(path)
    if (known !== undefined) return known
    if (!isThere(path)) return null
    const descriptor = openSync(path, 'r')
    this.descriptors.set(path, descriptor)
    return descriptor
  }
}

/**
 * Puts the bytes of a share that was written apart into one file without holes, to be carried elsewhere.
 * @param yieldOrCancel waited for between ranges
 */
export async function packShare(
  own: ShareFiles,
  work: readonly FinishedWork[],
  files: readonly OutputFile[],
  yieldOrCancel: () => Promise<void>,
): Promise<void> {
  const temporary = join(own.sharesFolder, temporaryName(basename(own.packedPath)))
  const descriptor = openSync(temporary, 'w')
  const reader = new ShareReader()
  try {
    let before = 0
    for (const stored of storedRanges(own, work, files, own.apartPath)) {
      await yieldOrCancel()
      reader.read(stored, (bytes, at) => writeFully(descriptor, bytes, before + at))
      before += stored.range.byteLength
    }
    fsyncSync(descriptor)
  } finally {
    reader.close()
    closeSync(descriptor)
  }
  await rename(temporary, own.packedPath)
  await rm(own.apartPath, { recursive: true, force: true })
}
