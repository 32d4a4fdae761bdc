import { BYTES_PER_ELEMENT, elementCount } from '../../../tensor/element-type'
import { Kernels } from '../../../tensor/kernels'
import type { Combination, CombinedTensor, ReadElements, StoredRun, StoredTensor } from '../container'
import { decodedFloats } from '../decoded-floats'

/** Memory for all tensors of a thread: nothing in it outlives a row. */
let shared: Kernels | undefined

/**
 * A tensor whose rows, columns or both are sums of another's, as float32.
 * @param source not transposed
 * @param rows of which rows of the source each row is the sum; null: as they are
 * @param columns the same for the second axis
 */
export function combinedTensor(source: StoredRun, { rows, columns }: Omit<CombinedTensor, 'source'>): StoredTensor {
  const { name, path } = source.stored
  const { shape } = source
  const byteLength = elementCount(shape) * BYTES_PER_ELEMENT.F32
  return { name, path, elementType: 'F32', shape, offset: 0, byteLength, combined: { source, rows, columns } }
}

/** Reads combined tensors row by row, so that none is held. */
export class CombinedTensors {
  constructor(private readonly readElements: ReadElements) {}

  /** @throws FusionError 'not-finite', and what reading throws */
  read(stored: StoredTensor, { source, rows, columns }: CombinedTensor, start: number, into: Uint8Array): void {
    // The elements of a vector are summed as the rows of a matrix of one column are.
    const rowLength = elementCount(stored.shape.slice(1))
    const size = columns ? rowLength / stored.shape[1]! : 0
    for (let done = 0; done < into.byteLength;) {
      const element = start + done / BYTES_PER_ELEMENT.F32
      const index = Math.floor(element / rowLength)
      const summed = this.rowOf(source, rows, index, rowLength)
      const row = Float32Array.from(columns ? combineColumns(summed, columns, size) : summed)
      const from = (element - index * rowLength) * BYTES_PER_ELEMENT.F32
      const part = new Uint8Array(row.buffer).subarray(from, from + into.byteLength - done)
      into.set(part, done)
      done += part.byteLength
    }
  }

  private rowOf(source: StoredRun, rows: Combination | null, index: number, length: number): Float64Array {
    if (!rows) return this.sourceRow(source, index, length)
    const sum = new Float64Array(length)
    for (let at = rows.starts[index]!; at < rows.starts[index + 1]!; at++) {
      const row = this.sourceRow(source, rows.sources[at]!, length)
      const share = rows.shares[at]!
      for (let i = 0; i < length; i++) sum[i] = sum[i]! + share * row[i]!
    }
    return sum
  }

  private sourceRow({ stored, start }: StoredRun, row: number, length: number): Float64Array {
    // Read before the shared memory is in use: the source may be a combined tensor itself.
    const bytes = new Uint8Array(length * BYTES_PER_ELEMENT[stored.elementType])
    this.readElements(stored, start + row * length, bytes)
    return Float64Array.from(decodedFloats((shared ??= new Kernels(0)), stored, length, (raw) => raw.set(bytes)))
  }
}

/** A row of places of `size` elements, each the sum of some of its places. */
function combineColumns(row: Float64Array, { starts, sources, shares }: Combination, size: number): Float64Array {
  const result = new Float64Array(row.length)
  for (let place = 0; place < starts.length - 1; place++)
    for (let at = starts[place]!; at < starts[place + 1]!; at++)
      for (let i = 0; i < size; i++) {
        const to = place * size + i
        result[to] = result[to]! + shares[at]! * row[sources[at]! * size + i]!
      }
  return result
}
