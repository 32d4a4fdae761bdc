import { BYTES_PER_ELEMENT, type FloatType } from './element-type'
import { VECTOR_BYTES, type KernelBuffer, type Kernels } from './kernels'

interface SmallFloat {
  /** Value of each of the 256 codes. */
  values: Float32Array
  /** Code of what is beyond the range: infinity where the format has it. */
  tooLarge: number
  /** Code of the largest finite value. */
  largest: number
}

/** Values of an 8-bit format with `exponentBits`; codes above `largest` are infinite or NaN, here all NaN. */
function smallFloat(exponentBits: number, largest: number): SmallFloat {
  const mantissaBits = 7 - exponentBits
  const bias = 2 ** (exponentBits - 1) - 1
  const values = Float32Array.from({ length: 256 }, (_, code) => {
    const magnitude = code & 0x7f
    const exponent = magnitude >> mantissaBits
    const mantissa = (magnitude & (2 ** mantissaBits - 1)) / 2 ** mantissaBits
    if (magnitude > largest) return NaN
    const value = exponent === 0 ? mantissa * 2 ** (1 - bias) : (1 + mantissa) * 2 ** (exponent - bias)
    return code < 0x80 ? value : -value
  })
  return { values, tooLarge: largest + 1, largest }
}

/** Code of NaN in both formats. */
const SMALL_NAN = 0x7f

/** PyTorch's float8_e4m3fn (no infinity) and float8_e5m2. */
const SMALL_FLOATS = {
  F8_E4M3: smallFloat(4, 0x7e),
  F8_E5M2: smallFloat(5, 0x7b),
} as const

/** The value of each of the 256 codes of an 8-bit format: NaN for those that mean no finite number. */
export function float8Values(type: keyof typeof SMALL_FLOATS): Float32Array {
  return SMALL_FLOATS[type].values
}

/** Code of the value nearest to `value`, ties to the even code. */
function encodeSmall(format: SmallFloat, value: number): number {
  if (Number.isNaN(value)) return SMALL_NAN
  const magnitude = Math.abs(value)
  const sign = value < 0 || Object.is(value, -0) ? 0x80 : 0
  let low = 0
  let high = format.largest
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (format.values[middle]! <= magnitude) low = middle
    else high = middle - 1
  }
  const below = format.values[low]!
  const step = below - format.values[low - 1 < 0 ? 0 : low - 1]!
  const above = low === format.largest ? below + step : format.values[low + 1]!
  const middle = (below + above) / 2
  const up = magnitude > middle || (magnitude === middle && (low & 1) === 1)
  const code = up ? low + 1 : low
  return (code > format.largest ? format.tooLarge : code) | sign
}

/**
 * Decodes `count` elements to float32 (exact for all types but F64, which is rounded).
 * @returns whether all values are finite; where not, the decoded values mean nothing
 */
export function decodeFloats(
  kernels: Kernels,
  type: FloatType,
  source: KernelBuffer,
  target: KernelBuffer,
  count: number,
): boolean {
  clearTail(source, count * BYTES_PER_ELEMENT[type])
  switch (type) {
    case 'F16':
      return kernels.run.decodeF16(source.pointer, target.pointer, count) === 0
    case 'BF16':
      return kernels.run.decodeBF16(source.pointer, target.pointer, count) === 0
    case 'F32':
      target.bytes(count * 4).set(source.bytes(count * 4))
      break
    case 'F64':
      target.floats(count).set(source.doubles(count))
      break
    default: {
      const { values } = SMALL_FLOATS[type]
      const bytes = source.bytes(count)
      const floats = target.floats(count)
      for (let i = 0; i < count; i++) floats[i] = values[bytes[i]!]!
    }
  }
  clearTail(target, count * 4)
  return kernels.run.anyNotFinite(target.pointer, count) === 0
}

/**
 * Encodes `count` float32 values, rounded to nearest with ties to even.
 * @returns whether all results are finite
 */
export function encodeFloats(
  kernels: Kernels,
  type: FloatType,
  source: KernelBuffer,
  target: KernelBuffer,
  count: number,
): boolean {
  clearTail(source, count * 4)
  switch (type) {
    case 'F16':
      return kernels.run.encodeF16(source.pointer, target.pointer, count) === 0
    case 'BF16':
      return kernels.run.encodeBF16(source.pointer, target.pointer, count) === 0
    case 'F32':
      target.bytes(count * 4).set(source.bytes(count * 4))
      return kernels.run.anyNotFinite(source.pointer, count) === 0
    case 'F64':
      target.doubles(count).set(source.floats(count))
      return kernels.run.anyNotFinite(source.pointer, count) === 0
    default: {
      const format = SMALL_FLOATS[type]
      const floats = source.floats(count)
      const bytes = target.bytes(count)
      let finite = true
      for (let i = 0; i < count; i++) {
        const code = encodeSmall(format, floats[i]!)
        bytes[i] = code
        if ((code & 0x7f) > format.largest) finite = false
      }
      return finite
    }
  }
}

/** Kernels read whole vectors: what lies behind the last element must not be taken for a NaN of the tensor's. */
function clearTail(buffer: KernelBuffer, byteLength: number): void {
  buffer.bytes(byteLength + VECTOR_BYTES).fill(0, byteLength)
}
