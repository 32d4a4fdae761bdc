import { closeSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { encodeHeader } from '../checkpoint/safetensors-write'
import { makeFolder } from '../files/make-folder'
import { outputPath, type OutputFile } from './output-files'
import { PrefixHash } from './prefix-hash'
import { DATA_HASH_KEY } from './recipe'

interface OpenFile {
  path: string
  headerBytes: number
  metadata: Readonly<Record<string, string>>
  descriptor: number
  hash: PrefixHash
}

/**
 * The weights files of an export while they are written, by any thread in any order. Headers come last, since they carry
 * the hash of the data.
 */
export class OutputWriter {
  private readonly open = new Map<OutputFile, OpenFile>()

  /**
   * @param root the output's (temporary) path
   * @param metadataOf `__metadata__` of each file; DATA_HASH_KEY, where it is among them, is filled in at the end
   */
  constructor(root: string, files: readonly OutputFile[], metadataOf: (file: OutputFile) => Record<string, string>) {
    for (const file of files) {
      const path = outputPath(root, file)
      makeFolder(dirname(path))
      const metadata = metadataOf(file)
      const headerBytes = encodeHeader(file.tensors, metadata).byteLength
      const descriptor = openSync(path, 'w')
      this.open.set(file, { path, headerBytes, metadata, descriptor, hash: new PrefixHash(path, headerBytes) })
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

  /** Says that `byteLength` bytes of a file's data from `offset` on are final. */
  written(file: OutputFile, offset: number, byteLength: number): void {
    this.open.get(file)!.hash.complete(offset, byteLength)
  }

  /** Writes the headers. Returns the files' paths. */
  finish(): string[] {
    return [...this.open].map(([file, { path, metadata, descriptor, hash }]) => {
      const digest = hash.digest(file.dataBytes)
      const whole = DATA_HASH_KEY in metadata ? { ...metadata, [DATA_HASH_KEY]: `0x${digest}` } : metadata
      writeFully(descriptor, encodeHeader(file.tensors, whole), 0)
      return path
    })
  }

  close(): void {
    for (const { descriptor, hash } of this.open.values()) {
      closeSync(descriptor)
      hash.close()
    }
    this.open.clear()
  }
}

/** Writes all bytes from `position` of a file on. */
export function writeFully(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.byteLength;) {
    done += writeSync(descriptor, bytes, done, bytes.byteLength - done, position + done)
  }
}
