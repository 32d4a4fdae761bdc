const BUCKETS = 0x1_0000

/** Which of the entries that equal the smallest kept one stay: the first or last of them, as many as are left, or all. */
export type Equals = 'first' | 'last' | 'all'

/**
 * Finds, in two passes and without holding the tensor, which entries are the `keep` largest in magnitude, compared as
 * float32. The bits of a non-negative float32 order like its value: the first pass counts their upper halves, the second
 * the lower halves inside the bucket that holds the threshold.
 */
export class LargestEntries {
  private magnitudes = new Float32Array(0)
  private bits = new Uint32Array(0)
  private readonly coarse = new Uint32Array(BUCKETS)
  private readonly fine = new Uint32Array(BUCKETS)
  private bucket = -1
  private threshold = -1
  /** How many entries equal the threshold, and how many of them stay. */
  private equalCount = 0
  private equalKept = 0

  /**
   * @param keep how many; asked for after the first pass
   * @param equals 'first' as numpy's and PyTorch's stable descending sorts have it, 'last' as ascending ones
   */
  constructor(
    private readonly keep: number | (() => number),
    private readonly equals: Equals = 'first',
  ) {}

  /** First pass, over every block of the tensor. */
  countCoarse(values: Float64Array): void {
    const bits = this.magnitudeBits(values)
    const { coarse } = this
    for (let i = 0; i < values.length; i++) coarse[bits[i]! >>> 16]!++
  }

  /** Second pass. */
  countFine(values: Float64Array): void {
    if (this.bucket < 0) this.bucket = cut(this.coarse, this.kept).bucket
    const bits = this.magnitudeBits(values)
    const { bucket, fine } = this
    for (let i = 0; i < values.length; i++) if (bits[i]! >>> 16 === bucket) fine[bits[i]! & 0xffff]!++
  }

  /**
   * For a pass after the first two, in order: marks the entries of a block that stay with 1, the others with 0. Every pass
   * needs a marker of its own.
   */
  marker(): (values: Float64Array, stays: Uint8Array) => void {
    const equals = this.equals === 'all' ? null : this.equalsOf(this.equals)
    return (values, stays) => {
      if (equals === null) return this.markAll(values, stays)
      const bits = this.magnitudeBits(values)
      const threshold = this.foundThreshold()
      for (let i = 0; i < values.length; i++) {
        const magnitude = bits[i]!
        // The sign of the difference, without a branch: which entries stay is not foreseeable. Bits are below 2 ** 31.
        stays[i] = (threshold - magnitude) >>> 31
        if (magnitude === threshold) stays[i] = equals() ? 1 : 0
      }
    }
  }

  /** Whether the next entry that equals the threshold stays. */
  private equalsOf(which: 'first' | 'last'): () => boolean {
    let seen = 0
    return () => {
      const place = seen++
      return which === 'first' ? place < this.equalKept : place >= this.equalCount - this.equalKept
    }
  }

  /** sd-mecha compares magnitudes with the threshold, which alone is rounded to float32. */
  private markAll(values: Float64Array, stays: Uint8Array): void {
    const least = new Float32Array(Uint32Array.of(this.foundThreshold()).buffer)[0]!
    for (let i = 0; i < values.length; i++) stays[i] = Math.abs(values[i]!) >= least ? 1 : 0
  }

  private get kept(): number {
    return typeof this.keep === 'number' ? this.keep : this.keep()
  }

  private foundThreshold(): number {
    if (this.threshold >= 0) return this.threshold
    const { kept } = this
    const { above } = cut(this.coarse, kept)
    const { bucket, above: aboveFine } = cut(this.fine, kept - above)
    // Where nothing is kept the threshold is above all magnitudes.
    this.threshold = Math.min(0x7fff_ffff, this.bucket * BUCKETS + bucket)
    this.equalCount = this.fine[bucket]!
    this.equalKept = kept - above - aboveFine
    return this.threshold
  }

  private magnitudeBits(values: Float64Array): Uint32Array {
    if (this.magnitudes.length < values.length) {
      this.magnitudes = new Float32Array(values.length)
      this.bits = new Uint32Array(this.magnitudes.buffer)
    }
    const { magnitudes } = this
    for (let i = 0; i < values.length; i++) magnitudes[i] = Math.abs(values[i]!)
    return this.bits
  }
}

/** The bucket that holds the `keep`-th largest value, and how many values lie in buckets above it. */
function cut(histogram: Uint32Array, keep: number): { bucket: number; above: number } {
  let above = 0
  for (let bucket = BUCKETS - 1; bucket > 0; bucket--) {
    if (above + histogram[bucket]! >= keep) return { bucket, above }
    above += histogram[bucket]!
  }
  return { bucket: 0, above }
}
