import { closeSync, fstatSync, readSync, statSync, type BigIntStats } from 'node:fs'
import { FusionError } from '../../../contract/errors'
import { openRegularFileSync } from '../../files/reading/regular-file'
import { BYTES_PER_ELEMENT } from '../../tensor/element-type'
import { CHECKED_BYTES, checksum } from '../../files/kept/checksums'
import { stateOf } from '../../files/reading/file-state'
import { CombinedTensors } from './derived/combined-tensors'
import { ComputedRows } from './derived/computed-rows'
import type { ComputedTensor, SourceFile, StoredTensor } from './container'
import { damaged, unreadable } from '../../files/reading/file-errors'
import { dropOldest } from './drop-oldest'
import { KeptBlocks } from './kept-blocks'
import { MergedTensors } from './derived/merged-tensors'
import { PermutedTensors } from './derived/permuted-tensors'
import { ScaledTensors } from './derived/scaled-tensors'
import { StridedTensors } from './derived/strided-tensors'
import { WidenedTensors } from './derived/widened-tensors'

/** Of checked blocks that are kept: enough for one tensor of every model. */
const KEPT_BYTES = 64 * CHECKED_BYTES

/** Computed tensors whose factors are kept: a few of every model, since models are read in turns. */
const MOST_COMPUTED = 32

/**
 * Reads stretches of stored tensors; every file is opened once, checked against what it was, and held until `close`.
 * Synchronous on purpose: it serves loops on threads that have nothing else to do, some thousand reads a second.
 */
export class TensorReader {
  private readonly sources: ReadonlyMap<string, SourceFile>
  private readonly descriptors = new Map<string, number>()
  private readonly blocks: KeptBlocks
  private readonly strided = new StridedTensors((stored, first, into) => this.fill(stored, first, into))
  private readonly computed = new Map<string, ComputedRows>()
  private readonly widened = new WidenedTensors((stored, start, into) => this.read(stored, start, into))
  private readonly combined = new CombinedTensors((stored, start, into) => this.read(stored, start, into))
  private readonly permuted = new PermutedTensors((stored, start, into) => this.read(stored, start, into))
  private readonly scaled = new ScaledTensors((stored, start, into) => this.read(stored, start, into))
  private readonly merged: MergedTensors

  /**
   * @param files as they were when their headers were read; other files are opened without a check
   * @param keptBytes of checked blocks that are kept
   */
  constructor(files: readonly SourceFile[] = [], keptBytes = KEPT_BYTES) {
    this.blocks = new KeptBlocks(keptBytes)
    this.sources = new Map(files.map((file) => [file.path, file]))
    this.merged = new MergedTensors(this, files)
  }

  /**
   * Fills `into` with the elements of `stored` from element `start` on, in the order of its shape.
   * @throws FusionError 'source-changed' if the file is not the one whose header was read, or ends too early;
   * 'damaged' where its checksums are not met; 'not-found', 'unreadable'; of computed ones 'not-finite'; of merged ones
   * whatever merging throws
   */
  read(stored: StoredTensor, start: number, into: Uint8Array): void {
    const first = start * BYTES_PER_ELEMENT[stored.elementType]
    if (first + into.byteLength > stored.byteLength) {
      throw new FusionError('internal', `A read past the end of tensor ${stored.name} of ${stored.path}.`)
    }
    if (stored.widened) return this.widened.read(stored, stored.widened, start, into)
    if (stored.combined) return this.combined.read(stored, stored.combined, start, into)
    if (stored.permuted) return this.permuted.read(stored, stored.permuted, start, into)
    if (stored.scaled) return this.scaled.read(stored.scaled, start, into)
    if (stored.strides) return this.strided.read(stored, start, into)
    if (stored.merged) return this.merged.read(stored.merged, first, into)
    if (stored.computed) return this.rowsOf(stored.computed).read(start, into)
    if (!stored.checksums) return this.fill(stored, first, into)
    for (let done = 0; done < into.byteLength;) {
      const index = Math.floor((first + done) / CHECKED_BYTES)
      const start = first + done - index * CHECKED_BYTES
      const part = this.checkedBlock(stored, index).subarray(start, start + into.byteLength - done)
      into.set(part, done)
      done += part.byteLength
    }
  }

  /** The computed tensors read last are kept, with what is computed once for all their rows. */
  private rowsOf(tensor: ComputedTensor): ComputedRows {
    const kept = this.computed.get(tensor.key)
    this.computed.delete(tensor.key)
    if (!kept) dropOldest(this.computed, MOST_COMPUTED)
    const rows = kept ?? new ComputedRows(tensor, this)
    this.computed.set(tensor.key, rows)
    return rows
  }

  /** A block of a tensor with checksums: the one read last of each tensor is kept, since reads are smaller. */
  private checkedBlock(stored: StoredTensor, index: number): Uint8Array {
    const key = `${stored.path}\n${stored.offset}`
    const first = index * CHECKED_BYTES
    const kept = this.blocks.find(key, index)
    if (kept) return kept.subarray(0, stored.byteLength - first)
    const memory = this.blocks.memoryFor(key, Math.min(CHECKED_BYTES, stored.byteLength))
    const bytes = memory.subarray(0, stored.byteLength - first)
    this.fill(stored, first, bytes)
    if (checksum(bytes) !== stored.checksums![index]) throw damaged(stored.path, `the tensor ${stored.name}`)
    this.blocks.keep(key, { index, memory })
    return bytes
  }

  /** Fills `into` with the bytes of a tensor from byte `first` on. */
  private fill(stored: StoredTensor, first: number, into: Uint8Array): void {
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

  /** @throws FusionError 'source-changed' if what stands at a file's path is not what stood there when it was opened */
  checkUnchanged(): void {
    for (const path of this.sources.keys()) this.check(path, () => statSync(path, { bigint: true }))
  }

  close(): void {
    for (const descriptor of this.descriptors.values()) closeSync(descriptor)
    this.descriptors.clear()
    this.computed.clear()
    this.merged.close()
  }

  private descriptorOf(path: string): number {
    const known = this.descriptors.get(path)
    if (known !== undefined) return known
    const descriptor = openRegularFileSync(path)
    this.descriptors.set(path, descriptor)
    this.check(path, () => fstatSync(descriptor, { bigint: true }))
    return descriptor
  }

  private check(path: string, look: () => BigIntStats): void {
    const source = this.sources.get(path)
    if (!source) return
    const found = attempt(path, look)
    if (stateOf(found) === source.state) return
    throw new FusionError('source-changed', `${path} changed while it was in use.`, {
      detail: `It had ${source.size} bytes when it was opened and has ${found.size} now.`,
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
