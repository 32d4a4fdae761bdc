import { BYTES_PER_ELEMENT, elementCount, type ElementType } from '../../tensor/element-type'

/** Writes bytes of an output tensor from a byte offset inside that tensor on. */
export type WriteBytes = (at: number, bytes: Uint8Array) => void

/** The bytes of a tensor [rows, columns, …] as [columns, rows, …]. */
export function swapFirstAxes(bytes: Uint8Array, shape: readonly number[], elementBytes: number): Uint8Array {
  const [rows, columns] = [shape[0]!, shape[1]!]
  const size = elementCount(shape.slice(2)) * elementBytes
  const result = new Uint8Array(bytes.byteLength)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * size
      const to = (column * rows + row) * size
      for (let byte = 0; byte < size; byte++) result[to + byte] = bytes[from + byte]!
    }
  return result
}

/**
 * Where the bytes of a tensor go: on at once, or collected and passed on with the first two axes swapped.
 * @param shape of the bytes that come, where their axes are to be swapped; else null
 */
export function swappedOutput(
  shape: readonly number[] | null,
  elementType: ElementType,
  write: WriteBytes,
): { write: WriteBytes; finish: () => void } {
  if (!shape) return { write, finish: () => {} }
  const size = BYTES_PER_ELEMENT[elementType]
  const whole = new Uint8Array(elementCount(shape) * size)
  return {
    write: (at, bytes) => whole.set(bytes, at),
    finish: () => write(0, swapFirstAxes(whole, shape, size)),
  }
}
