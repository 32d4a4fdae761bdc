import type { KernelBuffer, Kernels } from '../../../tensor/kernels'

const BUCKETS = 0x1_0000

/** Which of the entries that equal the smallest kept one stay: the first or last of them, as many as are left, or all. */
export type Equals = 'first' | 'last' | 'all'

/**
 * Finds, in two passes and without holding the tensor, which entries are the `keep` largest in magnitude, compared as
 * float32. The bits of a non-negative float32 order like its value: the first pass counts their upper halves, the second
 * the lower halves inside the bucket that holds the threshold.
 */
export class LargestEntries {
  private readonly coarse: KernelBuffer
  private readonly fine: KernelBuffer
  private bucket = -1
  private threshold = -1
  /** Which of the entries that equal the threshold stay: those with the places [from, to) among them. */
  private equals = { from: 0, to: 0 }

  /**
   * @param kernels in whose memory all values and marks lie
   * @param keep how many; asked for after the first pass
   * @param which 'first' as numpy's and PyTorch's stable descending sorts have it, 'last' as ascending ones
   */
  constructor(
    private readonly kernels: Kernels,
    private readonly keep: number | (() => number),
    private readonly which: Equals = 'first',
  ) {
    this.coarse = kernels.allocateMore(BUCKETS * 4)
    this.fine = kernels.allocateMore(BUCKETS * 4)
    for (const counts of [this.coarse, this.fine]) counts.integers(BUCKETS).fill(0)
  }

  /** First pass, over every block of the tensor. */
  countCoarse(values: Float64Array): void {
    this.kernels.run.countMagnitudes(values.byteOffset, values.length, this.coarse.pointer)
  }

  /** Second pass. */
  countFine(values: Float64Array): void {
    if (this.bucket < 0) this.bucket = cut(this.coarse.integers(BUCKETS), this.kept).bucket
    this.kernels.run.countMagnitudesWithin(values.byteOffset, values.length, this.bucket, this.fine.pointer)
  }

  /**
   * For a pass after the first two, in order: marks the entries of a block that stay with 1, the others with 0. Every pass
   * needs a marker of its own.
   */
  marker(): (values: Float64Array, stays: Uint8Array) => void {
    const { run } = this.kernels
    let seen = 0
    return ({ byteOffset, length }, stays) => {
      const threshold = this.foundThreshold()
      if (this.which === 'all') {
        // sd-mecha compares magnitudes with the threshold, which alone is rounded to float32.
        const least = new Float32Array(Uint32Array.of(threshold).buffer)[0]!
        run.markAtLeast(byteOffset, length, least, stays.byteOffset)
        return
      }
      const { from, to } = this.equals
      seen = run.markMagnitudes(byteOffset, length, threshold, from, to, seen, stays.byteOffset)
    }
  }

  private get kept(): number {
    return typeof this.keep === 'number' ? this.keep : this.keep()
  }

  private foundThreshold(): number {
    if (this.threshold >= 0) return this.threshold
    const { kept } = this
    const fine = this.fine.integers(BUCKETS)
    const { above } = cut(this.coarse.integers(BUCKETS), kept)
    const { bucket, above: aboveFine } = cut(fine, kept - above)
    // Where nothing is kept the threshold is above all magnitudes.
    this.threshold = Math.min(0x7fff_ffff, this.bucket * BUCKETS + bucket)
    const [all, staying] = [fine[bucket]!, kept - above - aboveFine]
    this.equals = this.which === 'last' ? { from: all - staying, to: all } : { from: 0, to: staying }
    return this.threshold
  }
}

/** The bucket that holds the `keep`-th largest value, and how many values lie in buckets above it. */
function cut(histogram: Int32Array, keep: number): { bucket: number; above: number } {
  let above = 0
  for (let bucket = BUCKETS - 1; bucket > 0; bucket--) {
    if (above + histogram[bucket]! >= keep) return { bucket, above }
    above += histogram[bucket]!
  }
  return { bucket: 0, above }
}
