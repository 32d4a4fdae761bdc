import { decodeFloats } from './convert'
import { BYTES_PER_ELEMENT, isFloatType, type ElementType } from './element-type'
import { Kernels, type KernelBuffer } from './kernels'

const BLOCK_ELEMENTS = 131_072

/** Looks for NaN and infinity in bytes that are copied as they are. */
export class FiniteCheck {
  private readonly kernels: Kernels
  private readonly raw: KernelBuffer
  private readonly values: KernelBuffer

  constructor() {
    this.kernels = new Kernels(Kernels.bufferSize(BLOCK_ELEMENTS * 8) + Kernels.bufferSize(BLOCK_ELEMENTS * 4))
    this.raw = this.kernels.allocate(BLOCK_ELEMENTS * 8)
    this.values = this.kernels.allocate(BLOCK_ELEMENTS * 4)
  }

  /** Whether whole elements of `type` are all finite numbers; integers always are. */
  isFinite(type: ElementType, bytes: Uint8Array): boolean {
    if (!isFloatType(type)) return true
    const size = BYTES_PER_ELEMENT[type]
    for (let at = 0; at < bytes.byteLength; at += BLOCK_ELEMENTS * size) {
      const block = bytes.subarray(at, at + BLOCK_ELEMENTS * size)
      const count = block.byteLength / size
      this.raw.bytes(block.byteLength).set(block)
      // Rounded to float32, a float64 may become infinite that is none.
      const isFinite =
        type === 'F64'
          ? this.raw.doubles(count).every(Number.isFinite)
          : decodeFloats(this.kernels, type, this.raw, this.values, count)
      if (!isFinite) return false
    }
    return true
  }
}
