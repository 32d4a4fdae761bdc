import { float8Values } from '../../../tensor/convert'
import { BYTES_PER_ELEMENT, elementCount } from '../../../tensor/element-type'
import { Kernels } from '../../../tensor/kernels'
import { dropOldest } from '../drop-oldest'
import type { ReadElements, ScaledTensor, StoredTensor } from '../container'
import { decodedFloats } from '../decoded-floats'

/** Codes that are read at a time. */
const BLOCK_ELEMENTS = 65_536
/** Tensors whose scales are kept: a few of every model, since models are read in turns. */
const MOST_SCALES = 64

/** Reads tensors that are codes with a scale as what they mean: float32 values, each its code's value times its scale. */
export class ScaledTensors {
  private readonly scales = new Map<string, Float32Array>()
  /** There once something is read: every reader has such an object, and few files have scales. */
  private room: { codes: Uint8Array; values: Float32Array<ArrayBuffer> } | undefined

  constructor(private readonly readElements: ReadElements) {}

  /** @throws FusionError 'not-finite' for a scale that is no finite number, and what reading throws */
  read({ codes, scale }: ScaledTensor, start: number, into: Uint8Array): void {
    const meanings = float8Values(codes.elementType as 'F8_E4M3' | 'F8_E5M2')
    const scales = this.scalesOf(scale)
    const elementsPerScale = elementCount(codes.shape) / scales.length
    const count = into.byteLength / BYTES_PER_ELEMENT.F32
    const room = (this.room ??= { codes: new Uint8Array(BLOCK_ELEMENTS), values: new Float32Array(BLOCK_ELEMENTS) })
    for (let done = 0; done < count; done += BLOCK_ELEMENTS) {
      const length = Math.min(BLOCK_ELEMENTS, count - done)
      const block = room.codes.subarray(0, length)
      this.readElements(codes, start + done, block)
      for (let at = 0; at < length;) {
        const row = Math.floor((start + done + at) / elementsPerScale)
        const end = Math.min(length, (row + 1) * elementsPerScale - start - done)
        const factor = scales[row]!
        for (; at < end; at++) room.values[at] = meanings[block[at]!]! * factor
      }
      into.set(new Uint8Array(room.values.buffer, 0, length * BYTES_PER_ELEMENT.F32), done * BYTES_PER_ELEMENT.F32)
    }
  }

  private scalesOf(scale: StoredTensor): Float32Array {
    const key = `${scale.path}\n${scale.offset}`
    const kept = this.scales.get(key)
    if (kept) return kept
    dropOldest(this.scales, MOST_SCALES)
    const scales = this.decode(scale)
    this.scales.set(key, scales)
    return scales
  }

  private decode(scale: StoredTensor): Float32Array {
    const read = (raw: Uint8Array): void => this.readElements(scale, 0, raw)
    return decodedFloats(new Kernels(0), scale, elementCount(scale.shape), read).slice()
  }
}
