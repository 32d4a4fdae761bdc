import type { StoredTensor } from '../../checkpoint/containers/container'
import { decodedFloats } from '../../checkpoint/containers/decoded-floats'
import type { TensorReader } from '../../checkpoint/containers/tensor-reader'
import { elementCount } from '../../tensor/element-type'
import { Kernels } from '../../tensor/kernels'

/** Whole tensors as float32, one after the other in the same memory. */
export class TensorValues {
  private readonly kernels = new Kernels(0)

  constructor(private readonly reader: TensorReader) {}

  /**
   * All elements of a run that is not transposed; they stand until the next one is read.
   * @throws FusionError 'not-finite', and what reading throws
   */
  of({ shape, stored, start }: { shape: readonly number[]; stored: StoredTensor; start: number }): Float32Array {
    return decodedFloats(this.kernels, stored, elementCount(shape), (raw) => this.reader.read(stored, start, raw))
  }
}
