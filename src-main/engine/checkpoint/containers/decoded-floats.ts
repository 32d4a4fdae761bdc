import { decodeFloats } from '../../tensor/convert'
import { BYTES_PER_ELEMENT, type FloatType } from '../../tensor/element-type'
import type { KernelBuffer, Kernels } from '../../tensor/kernels'
import { notFiniteError } from '../../tensor/tensor-inputs'
import type { StoredTensor } from './container'

/** As `decodedBuffer`, the values themselves. */
export function decodedFloats(...of: Parameters<typeof decodedBuffer>): Float32Array {
  return decodedBuffer(...of).floats(of[2])
}

/**
 * Elements of a stored tensor as float32, in memory of the kernels; they stand until it is used again.
 * @param kernels whose memory is taken back first
 * @param fill reads the elements as they are stored
 * @throws FusionError 'not-finite', and what reading throws
 */
export function decodedBuffer(
  kernels: Kernels,
  { elementType, path, name }: Pick<StoredTensor, 'elementType' | 'path' | 'name'>,
  count: number,
  fill: (raw: Uint8Array) => void,
): KernelBuffer {
  const type = elementType as FloatType
  const bytes = count * BYTES_PER_ELEMENT[type]
  kernels.reset()
  const raw = kernels.allocateMore(bytes)
  const values = kernels.allocateMore(count * 4)
  fill(raw.bytes(bytes))
  if (!decodeFloats(kernels, type, raw, values, count)) throw notFiniteError({ sources: [path], name }, 0)
  return values
}
