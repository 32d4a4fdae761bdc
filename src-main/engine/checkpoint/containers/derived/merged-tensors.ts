import { FusionError } from '../../../../contract/errors'
import type { MergedPart, MergedTensor, SourceFile, StoredTensor } from '../container'

/** Bytes of computed results that a reader keeps: models are read in turns, and in several passes. */
const MOST_KEPT_BYTES = 256e6

/** What a piece of work gave: of each of its results the bytes from `first` on. */
export interface MergedBytes {
  first: number
  results: readonly Uint8Array[]
}

/** Does the work behind merged tensors. */
export interface WorkRunner {
  /** Computes at least the byte `at` of a result; how many more, it decides. */
  run(part: MergedPart, at: number): MergedBytes
  close(): void
}

/** What reads the tensors that work is done on: a TensorReader. */
export interface ElementReader {
  read(stored: StoredTensor, start: number, into: Uint8Array): void
}

type MakeRunner = (reader: ElementReader, sources: readonly SourceFile[]) => WorkRunner

let makeRunner: MakeRunner | undefined

/** Says who merges. Reading of tensors cannot know it: merging reads tensors (merge/chains/merged-work.ts). */
export function mergeTensorsWith(make: MakeRunner): void {
  makeRunner = make
}

/** Reads tensors of merges that are not written. The results computed last are kept. */
export class MergedTensors {
  private runner: WorkRunner | undefined
  private readonly kept = new Map<string, MergedBytes>()
  private keptBytes = 0

  constructor(
    private readonly reader: ElementReader,
    private readonly sources: readonly SourceFile[],
  ) {}

  /** @param first byte of the tensor @throws whatever merging throws */
  read({ parts }: MergedTensor, first: number, into: Uint8Array): void {
    const end = first + into.byteLength
    // Collected first: `into` may be a buffer that reading the models of the merge fills, too.
    const pieces: { at: number; bytes: Uint8Array }[] = []
    for (const part of parts) {
      const last = Math.min(end, part.offset + part.byteLength)
      for (let at = Math.max(first, part.offset); at < last;) {
        const within = at - part.offset
        const computed = this.bytesAt(part, within)
        const bytes = computed.results[part.result]!.subarray(within - computed.first).subarray(0, last - at)
        pieces.push({ at: at - first, bytes })
        at += bytes.byteLength
      }
    }
    for (const { at, bytes } of pieces) into.set(bytes, at)
  }

  close(): void {
    this.runner?.close()
    this.runner = undefined
    this.kept.clear()
    this.keptBytes = 0
  }

  private bytesAt(part: MergedPart, at: number): MergedBytes {
    const { key, result } = part
    const kept = this.kept.get(key)
    this.forget(key)
    const isThere = kept && at >= kept.first && at < kept.first + kept.results[result]!.byteLength
    const computed = isThere ? kept : this.compute(part, at)
    const size = sizeOf(computed)
    for (const oldest of this.kept.keys()) {
      if (this.keptBytes + size <= MOST_KEPT_BYTES) break
      this.forget(oldest)
    }
    this.kept.set(key, computed)
    this.keptBytes += size
    return computed
  }

  private compute(part: MergedPart, at: number): MergedBytes {
    if (!makeRunner) throw new FusionError('internal', 'Nothing was said of who computes merged tensors.')
    this.runner ??= makeRunner(this.reader, this.sources)
    return this.runner.run(part, at)
  }

  private forget(key: string): void {
    const kept = this.kept.get(key)
    if (!kept) return
    this.kept.delete(key)
    this.keptBytes -= sizeOf(kept)
  }
}

function sizeOf({ results }: MergedBytes): number {
  return results.reduce((sum, { byteLength }) => sum + byteLength, 0)
}
