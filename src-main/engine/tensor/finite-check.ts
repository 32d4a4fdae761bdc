import { decodeFloats } from './convert'
import { BYTES_PER_ELEMENT, isFloatType, type ElementType, type FloatType } from './element-type'
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

/** The code of infinity, without its sign, in types of one or two bytes; E4M3 has none: there it is the largest number. */
const INFINITY_CODES = { F16: 0x7c00, BF16: 0x7f80, F8_E4M3: 0x7e, F8_E5M2: 0x7c } as const

/** Whether one of whole elements of `type` is no number (NaN), rather than infinite; integers always are numbers. */
export function hasNaN(type: ElementType, bytes: Uint8Array): boolean {
  return isFloatType(type) && nansIn(type, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
}

function nansIn(type: FloatType, view: DataView): boolean {
  const size = BYTES_PER_ELEMENT[type]
  const isNaNAt = (at: number): boolean => {
    if (type === 'F32') return Number.isNaN(view.getFloat32(at, true))
    if (type === 'F64') return Number.isNaN(view.getFloat64(at, true))
    const magnitude = size === 1 ? view.getUint8(at) & 0x7f : view.getUint16(at, true) & 0x7fff
    return magnitude > INFINITY_CODES[type]
  }
  for (let at = 0; at < view.byteLength; at += size) if (isNaNAt(at)) return true
  return false
}
