import { FusionError } from '../../contract/errors'
import wasmBase64 from './kernels.as.ts?wasm'

/** The exports of kernels.as.ts: pointers are byte addresses, counts are elements. */
interface KernelExports {
  memory: WebAssembly.Memory
  decodeF16(source: number, target: number, count: number): number
  decodeBF16(source: number, target: number, count: number): number
  anyNotFinite(source: number, count: number): number
  accumulate(sums: number, values: number, count: number, weight: number): void
  compareRows(base: number, rows: number, count: number, width: number, squares: number, products: number): void
  accumulateScaled(sums: number, values: number, count: number, coefficient: number, weight: number): void
  pairsAbove(
    products: number,
    leftRest: number,
    rightRest: number,
    rows: number,
    columns: number,
    diagonal: number,
    least: number,
    found: number,
    most: number,
  ): number
  divide(sums: number, values: number, count: number, divisor: number): void
  largest(sums: number, count: number): number
  encodeF16(source: number, target: number, count: number): number
  encodeBF16(source: number, target: number, count: number): number
  dot(a: number, b: number, count: number): number
  sumOfSquares(values: number, count: number): number
  sum(values: number, count: number): number
  addScaled(target: number, source: number, count: number, weight: number): void
  scale(values: number, count: number, factor: number): void
  measure(values: number, count: number, perBin: number, bins: number, counts: number, extremes: number): void
  halveToMeans(above: number, below: number, count: number, target: number): void
  halveToStrongest(above: number, below: number, count: number, target: number): void
  gather(source: number, stride: number, target: number, byteLength: number, rows: number): void
  subtract(base: number, changed: number, target: number, count: number): void
  subtractHalves(base: number, changed: number, target: number, count: number): number
  addHadamard(rows: number, count: number, negative: number, a: number, b: number, c: number, d: number): void
  countMagnitudes(values: number, count: number, counts: number): void
  countMagnitudesWithin(values: number, count: number, upper: number, counts: number): void
  markMagnitudes(
    values: number,
    count: number,
    threshold: number,
    from: number,
    to: number,
    seen: number,
    stays: number,
  ): number
  markAtLeast(values: number, count: number, least: number, stays: number): void
  keepMarked(values: number, stays: number, count: number): void
  consensus(
    changes: number,
    weights: number,
    models: number,
    count: number,
    byCount: number,
    divisor: number,
    positiveTies: number,
    target: number,
  ): void
  uniform24(state: number, position: number, target: number, count: number): number
  addProduct(target: number, coefficients: number, panels: number, rows: number, inner: number, columns: number): void
  reduceSymmetric(matrix: number, stride: number, rows: number, v: number, w: number, x: number, product: number): void
}

/** Kernels read and write whole vectors, so every buffer ends with room for one more. */
export const VECTOR_BYTES = 32
const PAGE_BYTES = 65_536
/** Below this lies what the compiler put there. */
const FIRST_FREE_BYTE = 4_096

let compiled: WebAssembly.Module | undefined

/**
 * WebAssembly SIMD kernels with a memory of their own, taken once at its full size: growing it would detach every
 * view. Buffers are handed out one after the other and freed all at once with the object.
 */
export class Kernels {
  readonly run: KernelExports
  private next = FIRST_FREE_BYTE

  /** @param byteLength sum of the sizes of all buffers that will be allocated */
  constructor(byteLength: number) {
    compiled ??= new WebAssembly.Module(Buffer.from(wasmBase64, 'base64'))
    const instance = new WebAssembly.Instance(compiled)
    this.run = instance.exports as unknown as KernelExports
    this.reserve(byteLength)
  }

  /**
   * Makes room for buffers of `byteLength` in all. Where the memory grows, buffers stay, and views of them (bytes, floats,
   * doubles) must be taken anew.
   */
  reserve(byteLength: number): void {
    const { memory } = this.run
    const missing = byteLength + FIRST_FREE_BYTE + PAGE_BYTES - memory.buffer.byteLength
    if (missing <= 0) return
    try {
      memory.grow(Math.ceil(missing / PAGE_BYTES))
    } catch (cause) {
      throw new FusionError('out-of-memory', `There is no memory for ${Math.ceil(byteLength / 1e6)} MB of weights.`, {
        hint: 'Close other programs and try again.',
        cause,
      })
    }
  }

  /** Bytes that a buffer of `byteLength` takes, padding included. */
  static bufferSize(byteLength: number): number {
    return Math.ceil((byteLength + VECTOR_BYTES) / VECTOR_BYTES) * VECTOR_BYTES
  }

  /** As `allocate`, where the sizes of all buffers were not known in advance: see `reserve` for what that means. */
  allocateMore(byteLength: number): KernelBuffer {
    this.reserve(this.next - FIRST_FREE_BYTE + Kernels.bufferSize(byteLength))
    return this.allocate(byteLength)
  }

  /** Takes all buffers back; those handed out before must no longer be used. */
  reset(): void {
    this.next = FIRST_FREE_BYTE
  }

  /** A buffer of `byteLength` bytes that lives until `reset`. */
  allocate(byteLength: number): KernelBuffer {
    const pointer = this.next
    this.next += Kernels.bufferSize(byteLength)
    return new KernelBuffer(this.run.memory, pointer, byteLength)
  }
}

/** A stretch of a Kernels object's memory, seen as bytes, float32 or float64. */
export class KernelBuffer {
  constructor(
    private readonly memory: WebAssembly.Memory,
    readonly pointer: number,
    readonly byteLength: number,
  ) {}

  /** The rest of this buffer from the next vector behind `byteLength` bytes on. */
  after(byteLength: number): KernelBuffer {
    const used = Kernels.bufferSize(byteLength)
    return new KernelBuffer(this.memory, this.pointer + used, this.byteLength - used)
  }

  /** The rest of this buffer from a byte on. */
  part(start: number): KernelBuffer {
    return new KernelBuffer(this.memory, this.pointer + start, this.byteLength - start)
  }

  bytes(byteLength = this.byteLength): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory.buffer, this.pointer, byteLength)
  }

  /** `count` float32 values from element `start` on. */
  floats(count = this.byteLength / 4, start = 0): Float32Array<ArrayBuffer> {
    return new Float32Array(this.memory.buffer, this.pointer + start * 4, count)
  }

  integers(count: number): Int32Array<ArrayBuffer> {
    return new Int32Array(this.memory.buffer, this.pointer, count)
  }

  doubles(count = this.byteLength / 8): Float64Array<ArrayBuffer> {
    return new Float64Array(this.memory.buffer, this.pointer, count)
  }
}
