import type { ElementBlock } from './method'

const BUCKETS = 0x1_0000

/**
 * Finds, in two passes and without holding the tensor, which entries of a delta are its `keep` largest in magnitude
 * (compared as float32, the first of equals stays, as numpy's and PyTorch's stable sorts have it).
 * The bits of a non-negative float32 order like its value: the first pass counts their upper halves, the second the
 * lower halves inside the bucket that holds the threshold.
 */
export class LargestEntries {
  private readonly float = new Float32Array(1)
  private readonly bits = new Uint32Array(this.float.buffer)
  private readonly coarse = new Uint32Array(BUCKETS)
  private readonly fine = new Uint32Array(BUCKETS)
  private bucket = -1
  private threshold = -1
  /** Entries that are kept although they only equal the threshold. */
  private equalLeft = 0

  constructor(private readonly keep: number) {}

  /** First pass. */
  countCoarse({ count, base, others }: ElementBlock, model: number): void {
    const weights = others[model]!
    for (let i = 0; i < count; i++) this.coarse[this.magnitudeBits(weights[i]! - base[i]!) >>> 16]!++
  }

  /** Second pass. */
  countFine({ count, base, others }: ElementBlock, model: number): void {
    if (this.bucket < 0) this.bucket = cut(this.coarse, this.keep).bucket
    const weights = others[model]!
    for (let i = 0; i < count; i++) {
      const bits = this.magnitudeBits(weights[i]! - base[i]!)
      if (bits >>> 16 === this.bucket) this.fine[bits & 0xffff]!++
    }
  }

  /** Whether an entry stays; to be asked once per entry, in order. */
  keeps(delta: number): boolean {
    if (this.threshold < 0) this.findThreshold()
    const bits = this.magnitudeBits(delta)
    if (bits !== this.threshold) return bits > this.threshold
    return this.equalLeft-- > 0
  }

  private findThreshold(): void {
    const { above } = cut(this.coarse, this.keep)
    const { bucket, above: aboveFine } = cut(this.fine, this.keep - above)
    this.threshold = this.bucket * BUCKETS + bucket
    this.equalLeft = this.keep - above - aboveFine
  }

  private magnitudeBits(delta: number): number {
    this.float[0] = Math.abs(delta)
    return this.bits[0]!
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
