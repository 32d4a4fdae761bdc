import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { encodeHeader } from '../../checkpoint/containers/safetensors-write'
import { OrderedChecksum } from '../../files/kept/checksums'
import { makeFolder } from '../../files/writing/make-folder'
import { writeFully } from '../../files/writing/write-fully'
import { outputPath, type OutputFile } from '../plan/export/output-files'
import { PrefixHash } from './prefix-hash'
import { RECIPE_KEY } from '../../checkpoint/describe'
import { sealed } from '../plan/export/seal'

interface OpenFile {
  path: string
  headerBytes: number
  /** null where the file has no header. */
  metadata: Readonly<Record<string, string>> | null
  descriptor: number
  /** null without a header: nobody asks for it. */
  hash: PrefixHash | null
}

/** An earlier process may have ended before it made all files. */
const CONTINUED = constants.O_RDWR | constants.O_CREAT
/** A length of 0, which no safetensors file has. */
const NO_HEADER = new Uint8Array(8)
const BLOCK_BYTES = 4 * 1024 * 1024

/**
 * The weights files of an export while they are written, by any thread in any order. Headers come last, since they carry
 * the hash of the data.
 */
export class OutputWriter {
  private readonly open = new Map<OutputFile, OpenFile>()
  private readonly buffer = Buffer.allocUnsafe(BLOCK_BYTES)

  /**
   * @param root the output's (temporary) path
   * @param metadataOf `__metadata__` of each file; where it has a recipe, hashes of all that
   * the file holds are put beside; null: files of data alone, without a header
   * @param continues whether files that are there keep what is in them
   */
  constructor(
    root: string,
    files: readonly OutputFile[],
    metadataOf: ((file: OutputFile) => Record<string, string>) | null,
    continues = false,
  ) {
    for (const file of files) {
      const path = outputPath(root, file)
      makeFolder(dirname(path))
      const metadata = metadataOf?.(file) ?? null
      const headerBytes = metadata ? encodeHeader(file.tensors, withHashes(metadata, file)).byteLength : 0
      const descriptor = openSync(path, continues ? CONTINUED : 'w+')
      if (continues && metadata) writeFully(descriptor, NO_HEADER, 0) // until it is whole again, it is no model
      const length = headerBytes + file.dataBytes
      if (fstatSync(descriptor).size > length) ftruncateSync(descriptor, length)
      const hash = metadata ? new PrefixHash(path, headerBytes) : null
      this.open.set(file, { path, headerBytes, metadata, descriptor, hash })
    }
  }

  /** Path of a file and the byte in it where data from `offset` on lie. */
  target(file: OutputFile, offset: number): { path: string; position: number } {
    const { path, headerBytes } = this.open.get(file)!
    return { path, position: headerBytes + offset }
  }

  /** Writes data of a file from byte `offset` of its data on. Whoever writes says `written` when a tensor is whole. */
  write(file: OutputFile, offset: number, bytes: Uint8Array): void {
    const { descriptor, headerBytes } = this.open.get(file)!
    writeFully(descriptor, bytes, headerBytes + offset)
  }

  /** Writes a tensor of zeros. */
  writeZeros(file: OutputFile, { offset, byteLength }: { offset: number; byteLength: number }): void {
    this.write(file, offset, new Uint8Array(byteLength))
    this.written(file, offset, byteLength)
  }

  /** Says that `byteLength` bytes of a file's data from `offset` on are final. */
  written(file: OutputFile, offset: number, byteLength: number): void {
    this.open.get(file)!.hash?.complete(offset, byteLength)
  }

  /** The checksum of bytes of a file's data as they are there now; null where the file ends before. */
  checksumOf(file: OutputFile, offset: number, byteLength: number): string | null {
    const { descriptor, headerBytes } = this.open.get(file)!
    const checksum = new OrderedChecksum()
    for (let done = 0; done < byteLength;) {
      const wanted = Math.min(BLOCK_BYTES, byteLength - done)
      const count = readSync(descriptor, this.buffer, 0, wanted, headerBytes + offset + done)
      if (count === 0) return null
      checksum.add(done, this.buffer.subarray(0, count))
      done += count
    }
    return checksum.digest(byteLength)
  }

  /** Writes the headers. Returns the files' paths, with the sha256 of the data in each. */
  finish(): { path: string; dataSha256: string }[] {
    return [...this.open].flatMap(([file, { path, metadata, descriptor, hash }]) => {
      if (!metadata || !hash) return []
      const dataSha256 = hash.digest(file.dataBytes)
      writeFully(descriptor, encodeHeader(file.tensors, withHashes(metadata, file, dataSha256)), 0)
      return [{ path, dataSha256 }]
    })
  }

  close(): void {
    for (const { descriptor, hash } of this.open.values()) {
      closeSync(descriptor)
      hash?.close()
    }
    this.open.clear()
  }
}

/** Files that are copies of the base's say only what diffusers asks for. */
function withHashes(metadata: Readonly<Record<string, string>>, { tensors }: OutputFile, dataSha256?: string) {
  return RECIPE_KEY in metadata ? sealed(metadata, tensors, dataSha256) : metadata
}
