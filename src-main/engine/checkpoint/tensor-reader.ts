import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { FusionError } from '../../contract/errors'
import { BYTES_PER_ELEMENT } from '../tensor/element-type'
import type { SourceFile, StoredTensor } from './checkpoint'
import { unreadable } from './file-errors'

/**
 * Reads stretches of stored tensors; every file is opened once, checked against what it was, and held until `close`.
 * Synchronous on purpose: it serves loops on threads that have nothing else to do, some thousand reads a second.
 */
export class TensorReader {
  private readonly sources: ReadonlyMap<string, SourceFile>
  private readonly descriptors = new Map<string, number>()

  /** @param files as they were when their headers were read; other files are opened without a check */
  constructor(files: readonly SourceFile[] = []) {
    this.sources = new Map(files.map((file) => [file.path, file]))
  }

  /**
   * Fills `into` with the elements of `stored` from element `start` on, as they are stored.
   * @throws FusionError 'source-changed' if the file is not the one whose header was read, or ends too early;
   * 'not-found', 'unreadable'
   */
  read(stored: StoredTensor, start: number, into: Uint8Array): void {
    const first = start * BYTES_PER_ELEMENT[stored.elementType]
    if (first + into.byteLength > stored.byteLength) {
      throw new FusionError('internal', `A read past the end of tensor ${stored.name} of ${stored.path}.`)
    }
    const descriptor = this.descriptorOf(stored.path)
    for (let done = 0; done < into.byteLength;) {
      const position = stored.offset + first + done
      const count = attempt(stored.path, () => readSync(descriptor, into, done, into.byteLength - done, position))
      if (count === 0) {
        throw new FusionError('source-changed', `${stored.path} ends inside the tensor ${stored.name}.`, {
          hint: 'The file became shorter while it was in use. Restore it and try again.',
        })
      }
      done += count
    }
  }

  /** @throws FusionError 'source-changed' if any of the files differs from what it was when it was opened */
  checkUnchanged(): void {
    for (const path of this.sources.keys()) this.check(path, this.descriptorOf(path))
  }

  close(): void {
    for (const descriptor of this.descriptors.values()) closeSync(descriptor)
    this.descriptors.clear()
  }

  private descriptorOf(path: string): number {
    const known = this.descriptors.get(path)
    if (known !== undefined) return known
    const descriptor = attempt(path, () => openSync(path, 'r'))
    this.descriptors.set(path, descriptor)
    this.check(path, descriptor)
    return descriptor
  }

  private check(path: string, descriptor: number): void {
    const source = this.sources.get(path)
    const { size, mtimeMs } = attempt(path, () => fstatSync(descriptor))
    if (!source || (size === source.size && mtimeMs === source.mtimeMs)) return
    throw new FusionError('source-changed', `${path} changed while it was in use.`, {
      detail: `It had ${source.size} bytes when it was opened and has ${size} now.`,
      hint: 'Wait until the program that writes it is done, then open the model again.',
    })
  }
}

/** A system call on a file that is read, with its refusal as an error of ours. */
function attempt<T>(path: string, call: () => T): T {
  try {
    return call()
  } catch (cause) {
    throw unreadable(path, cause)
  }
}
