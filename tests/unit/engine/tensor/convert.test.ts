import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeFloats, encodeFloats } from '../../../../src-main/engine/tensor/convert'
import { BYTES_PER_ELEMENT, type FloatType } from '../../../../src-main/engine/tensor/element-type'
import { FloatEncoder } from '../../../../src-main/engine/tensor/float-encoder'
import { Kernels } from '../../../../src-main/engine/tensor/kernels'
import { BFLOAT, E4M3, E5M2, HALF, positiveValues, rounded, type Format } from './formats'
import { noise } from './inputs'

const CODES = 65_536
const kernels = new Kernels(2 * Kernels.bufferSize(CODES * 8))
const source = kernels.allocate(CODES * 8)
const target = kernels.allocate(CODES * 8)

/** Everything that lay in the buffers before must not matter: NaN in every format. */
function spoil(): void {
  for (const buffer of [source, target]) buffer.bytes(buffer.byteLength + 32).fill(0xff)
}

function decode(type: FloatType, codes: Uint8Array | Uint16Array): { values: Float32Array; finite: boolean } {
  spoil()
  source.bytes(codes.byteLength).set(new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength))
  const finite = decodeFloats(kernels, type, source, target, codes.length)
  return { values: target.floats(codes.length).slice(), finite }
}

function encode(type: FloatType, values: Float32Array): { bytes: Uint8Array<ArrayBuffer>; finite: boolean } {
  spoil()
  source.floats(values.length).set(values)
  const finite = encodeFloats(kernels, type, source, target, values.length)
  return { bytes: target.bytes(values.length * BYTES_PER_ELEMENT[type]).slice(), finite }
}

describe.each([
  ['F16', HALF],
  ['BF16', BFLOAT],
] as const)('all codes of %s', (type, format) => {
  const positive = positiveValues(format)
  const finiteCodes = Uint16Array.from([...positive.keys(), ...positive.map((_, code) => code | 0x8000)])

  it('decode to what the format defines and encode back', () => {
    const { values, finite } = decode(type, finiteCodes)
    expect(finite).toBe(true)
    expect([...values]).toEqual([...positive, ...positive.map((value) => -value)])
    const back = encode(type, values)
    expect(back.finite).toBe(true)
    expect(new Uint16Array(back.bytes.buffer)).toEqual(finiteCodes)
  })

  it('are reported where they are infinite or NaN', () => {
    const finite = new Set(finiteCodes)
    const others = Array.from({ length: CODES }, (_, code) => code).filter((code) => !finite.has(code))
    expect(others).toHaveLength(CODES - 2 * positive.length)
    expect(others.filter((code) => decode(type, Uint16Array.of(0, code, 0)).finite)).toEqual([])
  })
})

describe.each([
  ['F8_E4M3', E4M3],
  ['F8_E5M2', E5M2],
] as const)('all codes of %s', (type, format) => {
  const positive = positiveValues(format)

  it('decode to what the format defines and encode back', () => {
    const codes = Uint8Array.from([...positive.keys(), ...positive.map((_, code) => code | 0x80)])
    const { values, finite } = decode(type, codes)
    expect(finite).toBe(true)
    expect([...values]).toEqual([...positive, ...positive.map((value) => -value)])
    expect(encode(type, values)).toEqual({ bytes: codes, finite: true })
  })

  it('are reported where they are infinite or NaN', () => {
    for (let code = positive.length; code < 128; code++) {
      expect(decode(type, Uint8Array.of(code)).finite).toBe(false)
      expect(decode(type, Uint8Array.of(code | 0x80)).finite).toBe(false)
    }
  })
})

it('rounds to the largest 8-bit values up to the tie behind them, and says so beyond: e4m3 has no infinity', () => {
  expect(encode('F8_E4M3', Float32Array.of(448, 464, -464)).bytes).toEqual(Uint8Array.of(0x7e, 0x7e, 0xfe))
  expect(encode('F8_E4M3', Float32Array.of(464.1))).toEqual({ bytes: Uint8Array.of(0x7e), finite: false })
  expect(encode('F8_E4M3', Float32Array.of(NaN, -Infinity))).toEqual({
    bytes: Uint8Array.of(0x7f, 0xfe),
    finite: false,
  })
  expect(encode('F8_E5M2', Float32Array.of(57344, 61439)).bytes).toEqual(Uint8Array.of(0x7b, 0x7b))
  expect(encode('F8_E5M2', Float32Array.of(-61440))).toEqual({ bytes: Uint8Array.of(0xfc), finite: false })
})

describe('rounding', () => {
  const formats: [FloatType, Format][] = [
    ['F16', HALF],
    ['BF16', BFLOAT],
    ['F8_E4M3', E4M3],
    ['F8_E5M2', E5M2],
  ]

  /** Every float32, those near the borders and ties of a format often. */
  const floats = (format: Format): fc.Arbitrary<number> =>
    fc.oneof(
      fc.float({ noNaN: true }),
      fc
        .tuple(fc.constantFrom(...positiveValues(format).slice(0, 4096)), fc.constantFrom(0.5, 1, 1.0625))
        .map(([value, factor]) => Math.fround(value * factor + 2 ** (format.lowestExponent - format.fractionBits - 1))),
      fc.constantFrom(
        format.largest,
        -format.largest,
        Math.fround(format.largest * (1 + 2 ** -(format.fractionBits + 2))),
      ),
    )

  it.each(formats)('%s: to nearest, ties to even, as in plain arithmetic; overflow is flagged', (type, format) => {
    fc.assert(
      fc.property(fc.array(floats(format), { minLength: 1, maxLength: 40 }), (list) => {
        const values = Float32Array.from(list)
        const expected = [...values].map((value) => rounded(value, format))
        const { bytes, finite } = encode(type, values)
        expect(finite).toBe(expected.every(Number.isFinite))
        if (!finite) return
        const codes = BYTES_PER_ELEMENT[type] === 2 ? new Uint16Array(bytes.buffer) : bytes
        expect([...decode(type, codes).values]).toEqual(expected)
      }),
      { numRuns: 2000 },
    )
  })
})

it.each(['F64', 'F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'] as const)(
  '%s: no count of elements reads what lies behind them',
  (type) => {
    for (let count = 1; count <= 33; count++) {
      const values = Float32Array.from({ length: count }, (_, i) => (i % 5) / 2 - 1)
      const { bytes, finite } = encode(type, values)
      expect(finite).toBe(true)
      spoil()
      source.bytes(bytes.byteLength).set(bytes)
      expect(decodeFloats(kernels, type, source, target, count)).toBe(true)
      expect(target.floats(count)).toEqual(values)
    }
  },
)

it('finds a single NaN or infinity anywhere', () => {
  for (const bad of [NaN, Infinity, -Infinity])
    for (let at = 0; at < 21; at++) {
      const values = new Float32Array(21)
      values[at] = bad
      for (const type of ['F64', 'F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'] as const) {
        expect(encode(type, values).finite).toBe(false)
      }
    }
})

it('encodes in blocks what it encodes at once', () => {
  const values = noise(600_001, 3)
  const whole = new Uint8Array(values.length * 2)
  expect(new FloatEncoder().encode(values, 'F16', (at, bytes) => whole.set(bytes, at))).toBe(true)
  const decoded = Float32Array.from(values, (value) => rounded(value, HALF))
  const bits = new Uint16Array(whole.buffer)
  const step = 4099
  for (let i = 0; i < values.length; i += step) {
    expect(decode('F16', bits.subarray(i, i + 1)).values[0]).toBe(decoded[i])
  }
  const values32 = new Float32Array(values)
  values32[300_000] = 1e6
  expect(new FloatEncoder().encode(values32, 'F16', () => {})).toBe(false)
})
