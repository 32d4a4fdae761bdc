import { encodeFloats } from './convert'
import { BYTES_PER_ELEMENT, type FloatType } from './element-type'
import { Kernels, type KernelBuffer } from './kernels'

/** Values that are encoded at a time. */
const BLOCK_ELEMENTS = 256 * 1024

/** Encodes float32 values into any float type, in blocks. */
export class FloatEncoder {
  private readonly kernels = new Kernels(
    Kernels.bufferSize(BLOCK_ELEMENTS * 4) + Kernels.bufferSize(BLOCK_ELEMENTS * 8),
  )
  private readonly values: KernelBuffer = this.kernels.allocate(BLOCK_ELEMENTS * 4)
  private readonly encoded: KernelBuffer = this.kernels.allocate(BLOCK_ELEMENTS * 8)

  /**
   * Encodes `floats`; `write` gets the bytes from byte `at` of the result on, valid until it returns.
   * @returns whether all results are finite
   */
  encode(floats: Float32Array, type: FloatType, write: (at: number, bytes: Uint8Array) => void): boolean {
    const size = BYTES_PER_ELEMENT[type]
    let finite = true
    for (let start = 0; start < floats.length; start += BLOCK_ELEMENTS) {
      const count = Math.min(BLOCK_ELEMENTS, floats.length - start)
      this.values.floats(count).set(floats.subarray(start, start + count))
      finite = encodeFloats(this.kernels, type, this.values, this.encoded, count) && finite
      write(start * size, this.encoded.bytes(count * size))
    }
    return finite
  }
}
