import { open, type FileHandle } from 'node:fs/promises'
import { FusionError } from '../../contract/errors'
import { BYTES_PER_ELEMENT } from '../tensor/element-type'
import type { Checkpoint, SourceFile, StoredTensor } from './checkpoint'
import { unreadable } from './file-errors'

/** Reads tensors' bytes; every file is opened once, checked against what it was, and held until close. */
export class TensorReader {
  private readonly sources = new Map<string, SourceFile>()
  private readonly handles = new Map<string, Promise<FileHandle>>()

  constructor(checkpoints: readonly Pick<Checkpoint, 'files'>[]) {
    for (const file of checkpoints.flatMap(({ files }) => files)) this.sources.set(file.path, file)
  }

  /**
   * Fills `into` with the elements of a tensor from `firstElement` on, as they are stored.
   *
   * @throws FusionError 'source-changed' where the file is not what it was when it was opened as a checkpoint;
   * 'malformed' where it ends inside the tensor; 'unreadable'
   */
  async read(tensor: StoredTensor, into: Uint8Array, firstElement = 0): Promise<void> {
    const start = firstElement * BYTES_PER_ELEMENT[tensor.elementType]
    if (start + into.byteLength > tensor.byteLength) {
      throw new FusionError('internal', `A read past the end of tensor ${tensor.name} of ${tensor.path}.`)
    }
    const handle = await this.handleOf(tensor.path)
    for (let done = 0; done < into.byteLength;) {
      const position = tensor.offset + start + done
      const { bytesRead } = await handle.read(into, done, into.byteLength - done, position).catch((cause: unknown) => {
        throw unreadable(tensor.path, cause)
      })
      if (bytesRead === 0) throw new FusionError('malformed', `${tensor.path} ends inside tensor ${tensor.name}.`)
      done += bytesRead
    }
  }

  /** All bytes of a tensor. */
  async readAll(tensor: StoredTensor): Promise<Uint8Array> {
    const bytes = new Uint8Array(tensor.byteLength)
    await this.read(tensor, bytes)
    return bytes
  }

  /**
   * Checks that no source changed since it was opened as a checkpoint (size, time of modification).
   *
   * @throws FusionError 'source-changed'
   */
  async checkSources(): Promise<void> {
    for (const path of this.sources.keys()) await this.check(path, await this.handleOf(path))
  }

  async close(): Promise<void> {
    const handles = await Promise.allSettled(this.handles.values())
    this.handles.clear()
    for (const handle of handles) if (handle.status === 'fulfilled') await handle.value.close()
  }

  private handleOf(path: string): Promise<FileHandle> {
    const known = this.handles.get(path)
    if (known) return known
    const opened = this.openSource(path)
    this.handles.set(path, opened)
    return opened
  }

  private async openSource(path: string): Promise<FileHandle> {
    const handle = await open(path).catch((cause: unknown) => {
      throw unreadable(path, cause)
    })
    try {
      await this.check(path, handle)
    } catch (error) {
      await handle.close()
      throw error
    }
    return handle
  }

  private async check(path: string, handle: FileHandle): Promise<void> {
    const source = this.sources.get(path)
    const { size, mtimeMs } = await handle.stat()
    if (source && (size !== source.size || mtimeMs !== source.mtimeMs)) {
      throw new FusionError('source-changed', `${path} changed while it was in use.`, {
        detail: `It had ${source.size} bytes when it was opened and has ${size} now.`,
        hint: 'Open the model again.',
      })
    }
  }
}
