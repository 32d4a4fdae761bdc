const DIGIT_BITS = 11
const DIGITS = 3
const BUCKETS = 1 << DIGIT_BITS

/**
 * Sorts rows of a fixed length by magnitude, compared as float32, the first of equals first: a radix sort of the bits of
 * non-negative float32 numbers, which order like their values.
 */
export class MagnitudeRanks {
  private readonly magnitudes: Float32Array
  private readonly bits: Uint32Array
  private order: Uint32Array
  private spare: Uint32Array
  private readonly starts = new Uint32Array(BUCKETS)

  constructor(private readonly length: number) {
    this.magnitudes = new Float32Array(length)
    this.bits = new Uint32Array(this.magnitudes.buffer)
    this.order = new Uint32Array(length)
    this.spare = new Uint32Array(length)
  }

  /**
   * The places in the row of its elements, smallest magnitude first; valid until the next call.
   * @param start place of the row's first element in `values`; the others follow `step` apart
   */
  ascending(values: Float64Array, start: number, step: number): Uint32Array {
    const { length, magnitudes } = this
    for (let i = 0; i < length; i++) {
      magnitudes[i] = Math.abs(values[start + i * step]!)
      this.order[i] = i
    }
    for (let digit = 0; digit < DIGITS; digit++) this.sortByDigit(digit * DIGIT_BITS)
    return this.order
  }

  private sortByDigit(shift: number): void {
    const { length, bits, order, spare, starts } = this
    const mask = BUCKETS - 1
    starts.fill(0)
    for (let i = 0; i < length; i++) starts[(bits[i]! >>> shift) & mask]!++
    let total = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const size = starts[bucket]!
      starts[bucket] = total
      total += size
    }
    for (let i = 0; i < length; i++) {
      const place = order[i]!
      spare[starts[(bits[place]! >>> shift) & mask]!++] = place
    }
    this.order = spare
    this.spare = order
  }
}
