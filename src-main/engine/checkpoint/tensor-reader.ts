import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { FusionError } from '../../contract/errors'
import { BYTES_PER_ELEMENT } from '../tensor/element-type'
import type { SourceFile, StoredTensor } from './checkpoint'

/**
 * Reads stretches of stored tensors; keeps each file open until `close`. Synchronous, because it serves loops on
 * threads that have nothing else to do.
 */
export class TensorReader {
  private readonly descriptors = new Map<string, number>()

  /** @param files the files as they were when their headers were read; others are opened without a check */
  constructor(private readonly files: readonly SourceFile[] = []) {}

  /**
   * Fills `into` with the bytes of `stored` from element `start` on.
   * @throws FusionError 'source-changed' if the file is not the one whose header was read, or ends too early
   */
  read(stored: StoredTensor, start: number, into: Uint8Array): void {
    const descriptor = this.descriptorOf(stored.path)
    const position = stored.offset + start * BYTES_PER_ELEMENT[stored.elementType]
    let done = 0
    while (done < into.byteLength) {
      const count = readSync(descriptor, into, done, into.byteLength - done, position + done)
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
    for (const file of this.files) this.check(file, this.descriptorOf(file.path))
  }

  close(): void {
    for (const descriptor of this.descriptors.values()) closeSync(descriptor)
    this.descriptors.clear()
  }

  private descriptorOf(path: string): number {
    const known = this.descriptors.get(path)
    if (known !== undefined) return known
    let descriptor: number
    try {
      descriptor = openSync(path, 'r')
    } catch (cause) {
      throw new FusionError('unreadable', `${path} cannot be opened.`, {
        detail: String(cause),
        hint: 'Check that the file is still there and that you may read it.',
        cause,
      })
    }
    this.descriptors.set(path, descriptor)
    const file = this.files.find((candidate) => candidate.path === path)
    if (file) this.check(file, descriptor)
    return descriptor
  }

  private check(file: SourceFile, descriptor: number): void {
    const { size, mtimeMs } = fstatSync(descriptor)
    if (size === file.size && mtimeMs === file.mtimeMs) return
    throw new FusionError('source-changed', `${file.path} changed after it was opened.`, {
      hint: 'Wait until the program that writes it is done, then open the model again.',
    })
  }
}
