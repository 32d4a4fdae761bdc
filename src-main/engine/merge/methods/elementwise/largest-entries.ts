const BUCKETS = 0x1_0000

/**
 * Finds, in two passes and without holding the tensor, which entries of a delta are its `keep` largest in magnitude
 * (compared as float32, the first of equals stays, as numpy's and PyTorch's stable sorts have it).
 * The bits of a non-negative float32 order like its value: the first pass counts their upper halves, the second the
 * lower halves inside the bucket that holds the threshold.
 */
export class LargestEntries {
  private magnitudes = new Float32Array(0)
  private bits = new Uint32Array(0)
  private readonly coarse = new Uint32Array(BUCKETS)
  private readonly fine = new Uint32Array(BUCKETS)
  private bucket = -1
  private threshold = -1
  /** Entries that are kept although they only equal the threshold. */
  private equalLeft = 0

  constructor(private readonly keep: number) {}

  /** First pass, over every block of the tensor. */
  countCoarse(base: Float32Array, other: Float32Array): void {
    const bits = this.magnitudeBits(base, other)
    const { coarse } = this
    for (let i = 0; i < base.length; i++) coarse[bits[i]! >>> 16]!++
  }

  /** Second pass. */
  countFine(base: Float32Array, other: Float32Array): void {
    if (this.bucket < 0) this.bucket = cut(this.coarse, this.keep).bucket
    const bits = this.magnitudeBits(base, other)
    const { bucket, fine } = this
    for (let i = 0; i < base.length; i++) if (bits[i]! >>> 16 === bucket) fine[bits[i]! & 0xffff]!++
  }

  /** Third pass, in order: the deltas of a block, 0 where they do not stay. */
  select(base: Float32Array, other: Float32Array, into: Float64Array): void {
    if (this.threshold < 0) this.findThreshold()
    const bits = this.magnitudeBits(base, other)
    const { threshold } = this
    for (let i = 0; i < base.length; i++) {
      const magnitude = bits[i]!
      const stays = magnitude > threshold || (magnitude === threshold && this.equalLeft-- > 0)
      into[i] = stays ? other[i]! - base[i]! : 0
    }
  }

  private findThreshold(): void {
    const { above } = cut(this.coarse, this.keep)
    const { bucket, above: aboveFine } = cut(this.fine, this.keep - above)
    this.threshold = this.bucket * BUCKETS + bucket
    this.equalLeft = this.keep - above - aboveFine
  }

  private magnitudeBits(base: Float32Array, other: Float32Array): Uint32Array {
    if (this.magnitudes.length < base.length) {
      this.magnitudes = new Float32Array(base.length)
      this.bits = new Uint32Array(this.magnitudes.buffer)
    }
    const { magnitudes } = this
    for (let i = 0; i < base.length; i++) magnitudes[i] = Math.abs(other[i]! - base[i]!)
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
