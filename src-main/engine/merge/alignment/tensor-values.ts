import type { StoredTensor } from '../../checkpoint/containers/container'
import type { TensorReader } from '../../checkpoint/containers/tensor-reader'
import { decodeFloats } from '../../tensor/convert'
import { BYTES_PER_ELEMENT, elementCount, type FloatType } from '../../tensor/element-type'
import { Kernels } from '../../tensor/kernels'
import { notFiniteError } from '../../tensor/tensor-inputs'

/** Whole tensors as float32, one after the other in the same memory. */
export class TensorValues {
  private readonly kernels = new Kernels(0)

  constructor(private readonly reader: TensorReader) {}

  /**
   * All elements of a run that is not transposed; they stand until the next one is read.
   * @throws FusionError 'not-finite', and what reading throws
   */
  of({ shape, stored, start }: { shape: readonly number[]; stored: StoredTensor; start: number }): Float32Array {
    const { kernels, reader } = this
    const type = stored.elementType as FloatType
    const count = elementCount(shape)
    const bytes = count * BYTES_PER_ELEMENT[type]
    kernels.reset()
    const raw = kernels.allocateMore(bytes)
    const values = kernels.allocateMore(count * 4)
    reader.read(stored, start, raw.bytes(bytes))
    if (!decodeFloats(kernels, type, raw, values, count))
      throw notFiniteError({ sources: [stored.path], name: stored.name }, 0)
    return values.floats(count)
  }
}
