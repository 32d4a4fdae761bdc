import type { TensorView } from '../checkpoint/model/checkpoint'
import type { TensorReader } from '../checkpoint/containers/tensor-reader'
import { viewInputs } from '../merge/jobs/view-inputs'
import { decodeFloats } from '../tensor/convert'
import { BYTES_PER_ELEMENT, elementCount } from '../tensor/element-type'
import { Kernels, type KernelBuffer } from '../tensor/kernels'
import { notFiniteError } from '../tensor/tensor-inputs'

/** Elements of a tensor that are decoded at a time: few enough to stay in the processor's cache. */
const BLOCK_ELEMENTS = 64 * 1024

/** Reads what a specialist changed of the tensors of its base, one tensor at a time. */
export class ChangeReader {
  private readonly kernels = new Kernels(
    Kernels.bufferSize(BLOCK_ELEMENTS * 8) + 2 * Kernels.bufferSize(BLOCK_ELEMENTS * 4),
  )
  private readonly raw = this.kernels.allocate(BLOCK_ELEMENTS * 8)
  private readonly decoded = [0, 1].map(() => this.kernels.allocate(BLOCK_ELEMENTS * 4))

  /** Float32 results: fresh memory for each would cost as much time as what is written there. */
  private floats = new Float32Array(0)

  constructor(private readonly reader: TensorReader) {}

  /**
   * specialist − base, row-major.
   * @param doubles whether differences are taken and kept in float64, else in float32; these stand until the next read
   * @throws FusionError 'not-finite' and whatever reading throws
   */
  read(base: TensorView, specialist: TensorView, doubles: true): Float64Array
  read(base: TensorView, specialist: TensorView, doubles: boolean): Float32Array | Float64Array
  read(base: TensorView, specialist: TensorView, doubles: boolean): Float32Array | Float64Array {
    const inputs = viewInputs([base, specialist], this.reader)
    const count = elementCount(base.shape)
    const change = doubles ? new Float64Array(count) : this.floatsFor(count)
    for (let start = 0; start < count; start += BLOCK_ELEMENTS) {
      const length = Math.min(BLOCK_ELEMENTS, count - start)
      this.decoded.forEach((target, model) => {
        const type = inputs.types[model]!
        inputs.read(model, start, this.raw.bytes(length * BYTES_PER_ELEMENT[type]))
        if (!decodeFloats(this.kernels, type, this.raw, target, length)) throw notFiniteError(inputs, model)
      })
      const [ours, theirs] = this.decoded as [KernelBuffer, KernelBuffer]
      if (change instanceof Float32Array) {
        this.kernels.run.addScaled(theirs.pointer, ours.pointer, length, -1)
        change.set(theirs.floats(length), start)
      } else {
        const [from, to] = [ours.floats(length), theirs.floats(length)]
        for (let i = 0; i < length; i++) change[start + i] = to[i]! - from[i]!
      }
    }
    return change
  }

  private floatsFor(count: number): Float32Array {
    if (this.floats.length < count) this.floats = new Float32Array(count)
    return this.floats.subarray(0, count)
  }
}
