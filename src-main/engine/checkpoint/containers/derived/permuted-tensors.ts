import { BYTES_PER_ELEMENT, elementCount } from '../../../tensor/element-type'
import type { PermutedTensor, ReadElements, StoredRun, StoredTensor } from '../container'

/**
 * A tensor with its rows, its columns or both in another order, in the element type in which it is stored.
 * @param source not transposed
 * @param rows which row of the source stands at each place; null: as they are
 * @param columns the same for the second axis
 */
export function permutedTensor(source: StoredRun, { rows, columns }: Omit<PermutedTensor, 'source'>): StoredTensor {
  const { name, path, elementType } = source.stored
  const { shape } = source
  const byteLength = elementCount(shape) * BYTES_PER_ELEMENT[elementType]
  return { name, path, elementType, shape, offset: 0, byteLength, permuted: { source, rows, columns } }
}

/** Reads permuted tensors row by row, so that none is held. */
export class PermutedTensors {
  constructor(private readonly readElements: ReadElements) {}

  /** @throws what reading throws */
  read(stored: StoredTensor, { source, rows, columns }: PermutedTensor, start: number, into: Uint8Array): void {
    const size = BYTES_PER_ELEMENT[stored.elementType]
    // The elements of a vector are moved as the columns of one row are.
    const isVector = stored.shape.length === 1
    const [rowOrder, order] = isVector ? [null, rows] : [rows, columns]
    const rowLength = elementCount(isVector ? stored.shape : stored.shape.slice(1))
    const places = isVector ? rowLength : stored.shape[1]!
    const row = new Uint8Array(rowLength * size)
    for (let done = 0; done < into.byteLength;) {
      const element = start + done / size
      const index = Math.floor(element / rowLength)
      const from = (element - index * rowLength) * size
      this.readElements(source.stored, source.start + (rowOrder?.[index] ?? index) * rowLength, row)
      const part = (order ? reordered(row, order, row.byteLength / places) : row).subarray(
        from,
        from + into.byteLength - done,
      )
      into.set(part, done)
      done += part.byteLength
    }
  }
}

/** A row of places of `size` bytes in another order. */
function reordered(row: Uint8Array, order: Int32Array, size: number): Uint8Array {
  const result = new Uint8Array(row.byteLength)
  order.forEach((from, to) => {
    for (let byte = 0; byte < size; byte++) result[to * size + byte] = row[from * size + byte]!
  })
  return result
}
