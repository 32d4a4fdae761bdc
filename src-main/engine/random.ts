import { FusionError } from '../contract/errors'
import { Kernels, type KernelBuffer } from './tensor/kernels'

/** Element types that torch.randn can be asked for; 16-bit values are returned as float32 numbers. */
export type RandomType = 'float32' | 'float64' | 'float16' | 'bfloat16'

const STATE_SIZE = 624
const BLOCK = 16
const HALF_BLOCK = 8
const TWO_PI_FLOAT32 = Math.fround(2 * Math.PI)

/** Where uniform numbers are drawn: methods draw billions of them. */
interface Drawing {
  kernels: Kernels
  /** Of the generator that draws. */
  state: KernelBuffer
  numbers: KernelBuffer
}

const DRAWN_AT_ONCE = 8_192

/** That of a thread: one generator draws after the other. */
let drawing: Drawing | undefined

function makeDrawing(): Drawing {
  const sizes = [STATE_SIZE * 4, DRAWN_AT_ONCE * 4]
  const kernels = new Kernels(sizes.reduce((sum, size) => sum + Kernels.bufferSize(size), 0))
  const [state, numbers] = sizes.map((size) => kernels.allocate(size))
  return { kernels, state: state!, numbers: numbers! }
}

/**
 * torch's CPU generator: `torch.Generator('cpu').manual_seed(seed)` (MT19937, as in ATen's CPUGeneratorImpl and
 * DistributionTemplates). The state goes on over draws; the same draws in the same order give torch's numbers.
 */
export class TorchGenerator {
  private readonly state = new Uint32Array(STATE_SIZE)
  private position = STATE_SIZE
  /** The sine half of the last pair that a small draw made; torch keeps it for the next small draw. */
  private keptNormal: number | undefined

  /**
   * @param seed an integer from −2⁶³ to 2⁶⁴ − 1; as in torch only its lowest 32 bits (two's complement) count
   * @throws FusionError 'validation' for any other seed
   */
  constructor(seed: number | bigint) {
    if (typeof seed === 'number' && !Number.isInteger(seed)) throw badSeed(seed)
    const wide = BigInt(seed)
    if (wide < -(1n << 63n) || wide >= 1n << 64n) throw badSeed(seed)
    const { state } = this
    state[0] = Number(BigInt.asUintN(32, wide))
    for (let i = 1; i < STATE_SIZE; i++) {
      const previous = state[i - 1]!
      state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i
    }
  }

  /** The next raw 32-bit words. */
  words(count: number): Uint32Array {
    const result = new Uint32Array(count)
    for (let i = 0; i < count; i++) result[i] = this.word()
    return result
  }

  /** torch.rand(count): uniform float32 in [0, 1), 24 bits each. */
  rand(count: number): Float32Array {
    const result = new Float32Array(count)
    this.fillUniform(result)
    return result
  }

  /**
   * torch.randn of `count` values, N(0, 1). Fewer than 16 are drawn one by one; from 16 on in blocks, where a rest
   * draws the last 16 anew.
   */
  randn(count: number, type?: 'float32' | 'float16' | 'bfloat16'): Float32Array
  randn(count: number, type: 'float64'): Float64Array
  randn(count: number, type: RandomType): Float32Array | Float64Array
  randn(count: number, type: RandomType = 'float32'): Float32Array | Float64Array {
    if (type === 'float64') return this.randnFloat64(count)
    const result = new Float32Array(count)
    if (count < BLOCK) {
      for (let i = 0; i < count; i++) result[i] = this.normal()
    } else {
      // float32 draws a uniform number for every place before the rest is drawn anew; the 16-bit types do not.
      const whole = count - (count % BLOCK)
      const drawn = type === 'float32' ? count : whole
      this.fillUniform(result.subarray(0, drawn))
      for (let start = 0; start < whole; start += BLOCK) boxMullerFloat32(result, start)
      if (whole < count) {
        this.fillUniform(result.subarray(count - BLOCK))
        boxMullerFloat32(result, count - BLOCK)
      }
    }
    if (type === 'float16') roundToFloat16(result)
    if (type === 'bfloat16') roundToBfloat16(result)
    return result
  }

  private randnFloat64(count: number): Float64Array {
    const result = new Float64Array(count)
    if (count < BLOCK) {
      for (let i = 0; i < count; i++) result[i] = this.normal()
      return result
    }
    for (let i = 0; i < count; i++) result[i] = this.uniform53()
    for (let start = 0; start + BLOCK <= count; start += BLOCK) boxMullerFloat64(result, start)
    if (count % BLOCK) {
      for (let i = count - BLOCK; i < count; i++) result[i] = this.uniform53()
      boxMullerFloat64(result, count - BLOCK)
    }
    return result
  }

  private word(): number {
    if (this.position === STATE_SIZE) this.refill()
    let y = this.state[this.position++]!
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }

  private refill(): void {
    const { state } = this
    for (let i = 0; i < STATE_SIZE; i++) {
      const y = (state[i]! & 0x80000000) | (state[i + 1 < STATE_SIZE ? i + 1 : 0]! & 0x7fffffff)
      const other = state[i < STATE_SIZE - 397 ? i + 397 : i + 397 - STATE_SIZE]!
      state[i] = other ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
    }
    this.position = 0
  }

  /** Numbers of 24 bits each, in [0, 1). */
  private fillUniform(into: Float32Array): void {
    const { kernels, state, numbers } = (drawing ??= makeDrawing())
    state.integers(STATE_SIZE).set(this.state)
    for (let done = 0; done < into.length; done += DRAWN_AT_ONCE) {
      const count = Math.min(DRAWN_AT_ONCE, into.length - done)
      this.position = kernels.run.uniform24(state.pointer, this.position, numbers.pointer, count)
      into.set(numbers.floats(count), done)
    }
    this.state.set(state.integers(STATE_SIZE))
  }

  private uniform53(): number {
    const high = this.word() & 0x1fffff
    return (high * 2 ** 32 + this.word()) / 2 ** 53
  }

  private normal(): number {
    if (this.keptNormal !== undefined) {
      const value = this.keptNormal
      this.keptNormal = undefined
      return value
    }
    const angle = 2 * Math.PI * this.uniform53()
    const radius = Math.sqrt(-2 * Math.log1p(-this.uniform53()))
    this.keptNormal = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
}

/** Eight radii and eight angles become eight cosines and eight sines, rounded where torch's float32 kernel rounds. */
function boxMullerFloat32(values: Float32Array, start: number): void {
  for (let i = start; i < start + HALF_BLOCK; i++) {
    const radius = Math.fround(Math.sqrt(-2 * Math.fround(Math.log(1 - values[i]!))))
    const angle = Math.fround(TWO_PI_FLOAT32 * values[i + HALF_BLOCK]!)
    values[i] = radius * Math.fround(Math.cos(angle))
    values[i + HALF_BLOCK] = radius * Math.fround(Math.sin(angle))
  }
}

function boxMullerFloat64(values: Float64Array, start: number): void {
  for (let i = start; i < start + HALF_BLOCK; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - values[i]!))
    const angle = 2 * Math.PI * values[i + HALF_BLOCK]!
    values[i] = radius * Math.cos(angle)
    values[i + HALF_BLOCK] = radius * Math.sin(angle)
  }
}

function roundToFloat16(values: Float32Array): void {
  const bits = new Uint32Array(values.buffer)
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!
    // Subnormal halves are multiples of 2⁻²⁴, which is float32's own step between 0.5 and 1.
    if (Math.abs(values[i]!) < 2 ** -14) values[i] = Math.fround(values[i]! + 0.75) - 0.75
    else bits[i] = (word + 0xfff + ((word >>> 13) & 1)) & ~0x1fff
  }
}

function roundToBfloat16(values: Float32Array): void {
  const bits = new Uint32Array(values.buffer)
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!
    bits[i] = (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000
  }
}

function badSeed(seed: number | bigint): FusionError {
  return new FusionError('validation', `The seed ${seed} is not an integer between −2⁶³ and 2⁶⁴ − 1.`, {
    hint: 'Use a whole number, such as 42.',
  })
}
