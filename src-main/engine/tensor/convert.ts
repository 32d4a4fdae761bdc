import { BYTES_PER_ELEMENT, type FloatType } from './element-type'
import { VECTOR_BYTES, type KernelBuffer, type Kernels } from './kernels'

interface SmallFloat {
  mantissaBits: number
  /** Of the exponent. */
  bias: number
  /** Value of each of the 256 codes. */
  values: Float32Array
  /** Code of what is beyond the range: infinity where the format has it, else the largest value. */
  tooLarge: number
  /** Code of the largest finite value. */
  largest: number
}

/** Values of an 8-bit format with `exponentBits`; codes above `largest` are infinite or NaN, here all NaN. */
function smallFloat(exponentBits: number, { largest, tooLarge }: Pick<SmallFloat, 'largest' | 'tooLarge'>): SmallFloat {
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
  return { mantissaBits, bias, values, tooLarge, largest }
}

/** Code of NaN in both formats. */
const SMALL_NAN = 0x7f

/** PyTorch's float8_e4m3fn (no infinity) and float8_e5m2. */
const SMALL_FLOATS = {
  F8_E4M3: smallFloat(4, { largest: 0x7e, tooLarge: 0x7e }),
  F8_E5M2: smallFloat(5, { largest: 0x7b, tooLarge: 0x7c }),
} as const

/** The value of each of the 256 codes of an 8-bit format: NaN for those that mean no finite number. */
export function float8Values(type: keyof typeof SMALL_FLOATS): Float32Array {
  return SMALL_FLOATS[type].values
}

/** Bits of the exponent's bias, and of the fraction, of float32. */
const FLOAT_BIAS = 127
const FLOAT_FRACTION_BITS = 23
/** Added to a small number and taken away again, it leaves the nearest integer, of two the even one. */
const ROUNDING = 2 ** 52

/**
 * Writes the code of the value nearest to each of `floats`, ties to the even code.
 * @returns whether all are in the format's range
 */
function encodeSmall(format: SmallFloat, floats: Float32Array, codes: Uint8Array): boolean {
  const { mantissaBits, bias, largest, tooLarge } = format
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
  const dropped = FLOAT_FRACTION_BITS - mantissaBits
  const belowHalf = 2 ** (dropped - 1) - 1
  const biasDifference = (FLOAT_BIAS - bias) << mantissaBits
  const smallestNormal = (FLOAT_BIAS - bias + 1) << FLOAT_FRACTION_BITS
  const stepsPerUnit = 2 ** (bias - 1 + mantissaBits)
  let inRange = true
  for (let i = 0; i < floats.length; i++) {
    const magnitude = bits[i]! & 0x7fffffff
    let code: number
    if (magnitude > 0x7f800000) code = SMALL_NAN
    else if (magnitude < smallestNormal) code = Math.abs(floats[i]!) * stepsPerUnit + ROUNDING - ROUNDING
    else code = ((magnitude + belowHalf + ((magnitude >>> dropped) & 1)) >>> dropped) - biasDifference
    if (code > largest) {
      inRange = false
      if (code !== SMALL_NAN || magnitude <= 0x7f800000) code = tooLarge
    }
    codes[i] = code | ((bits[i]! >>> 24) & 0x80)
  }
  return inRange
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
 * Encodes `count` float32 values, rounded to nearest with ties to even. What is too large becomes infinite, or the largest
 * value where the type has no infinity (F8_E4M3).
 * @returns whether all values are finite and in the range of the type
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
    default:
      return encodeSmall(SMALL_FLOATS[type], source.floats(count), target.bytes(count))
  }
}

/** Kernels read whole vectors: what lies behind the last element must not be taken for a NaN of the tensor's. */
function clearTail(buffer: KernelBuffer, byteLength: number): void {
  buffer.bytes(byteLength + VECTOR_BYTES).fill(0, byteLength)
}
