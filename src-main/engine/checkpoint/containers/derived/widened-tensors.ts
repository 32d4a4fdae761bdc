import { BYTES_PER_ELEMENT, elementCount } from '../../../tensor/element-type'
import { Kernels } from '../../../tensor/kernels'
import { dropOldest } from '../drop-oldest'
import type { ReadElements, StoredTensor, WidenedTensor } from '../container'
import { decodedFloats } from '../decoded-floats'

/** Tensors that are kept: one of every model, since models are read in turns. They are first layers, which are small. */
const MOST_KEPT = 64

/**
 * A convolution [out, in, …] with the input channels that it lacks taken from a wider one; in the element type of both,
 * or as float32 where they differ.
 */
export function widenedTensor(narrow: StoredTensor, wide: StoredTensor): StoredTensor {
  const elementType = narrow.elementType === wide.elementType ? wide.elementType : 'F32'
  const byteLength = elementCount(wide.shape) * BYTES_PER_ELEMENT[elementType]
  const { name, path } = narrow
  return { name, path, elementType, shape: wide.shape, offset: 0, byteLength, widened: { narrow, wide } }
}

/** Reads widened tensors. */
export class WidenedTensors {
  private readonly kept = new Map<string, Uint8Array>()

  constructor(private readonly readElements: ReadElements) {}

  /** @throws FusionError 'not-finite', and what reading throws */
  read(stored: StoredTensor, widened: WidenedTensor, start: number, into: Uint8Array): void {
    const size = BYTES_PER_ELEMENT[stored.elementType]
    into.set(this.bytesOf(stored, widened).subarray(start * size, start * size + into.byteLength))
  }

  private bytesOf(stored: StoredTensor, { narrow, wide }: WidenedTensor): Uint8Array {
    const key = [narrow, wide].map(({ path, name }) => `${path}\n${name}`).join('\n')
    const kept = this.kept.get(key)
    if (kept) return kept
    dropOldest(this.kept, MOST_KEPT)
    const bytes = this.bytesAs(wide, stored.elementType)
    const own = this.bytesAs(narrow, stored.elementType)
    const rows = wide.shape[0]!
    const [ownRow, wideRow] = [own.byteLength / rows, bytes.byteLength / rows]
    for (let row = 0; row < rows; row++) bytes.set(own.subarray(row * ownRow, (row + 1) * ownRow), row * wideRow)
    this.kept.set(key, bytes)
    return bytes
  }

  /** All of a tensor: as it is stored, or as float32. */
  private bytesAs(stored: StoredTensor, type: StoredTensor['elementType']): Uint8Array {
    const { elementType, byteLength, shape } = stored
    if (elementType === type) {
      const bytes = new Uint8Array(byteLength)
      this.readElements(stored, 0, bytes)
      return bytes
    }
    const values = decodedFloats(new Kernels(0), stored, elementCount(shape), (raw) =>
      this.readElements(stored, 0, raw),
    )
    return new Uint8Array(values.slice().buffer)
  }
}
