import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { encodeHeader } from '../../../../src-main/engine/checkpoint/containers/safetensors-write'
import { BYTES_PER_ELEMENT, elementCount, type ElementType } from '../../../../src-main/engine/tensor/element-type'

export const GOLDEN = 'tests/golden'

/** Writes a safetensors file of these shapes whose data is a hole in the file: real sizes, no disk. */
export function writeSparse(
  path: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  options: { elementType?: ElementType; metadata?: Record<string, string> } = {},
): void {
  const { elementType = 'F16', metadata = { format: 'pt' } } = options
  const tensors = [...shapes].map(([name, shape]) => {
    const byteLength = elementCount(shape) * BYTES_PER_ELEMENT[elementType]
    return { name, elementType, shape, byteLength }
  })
  const header = encodeHeader(tensors, metadata)
  mkdirSync(dirname(path), { recursive: true })
  const file = openSync(path, 'w')
  writeSync(file, header)
  ftruncateSync(file, header.byteLength + tensors.reduce((sum, { byteLength }) => sum + byteLength, 0))
  closeSync(file)
}
