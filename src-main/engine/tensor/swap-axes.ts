import { elementCount } from './element-type'

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
