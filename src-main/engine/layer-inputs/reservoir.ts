import { TorchGenerator } from '../random'

/**
 * A sample without replacement of a stream whose length nobody knows: every item is as likely to stay (Li 1994,
 * algorithm L). The same seed keeps the same items, however the stream is cut.
 */
export class Reservoir {
  private readonly generator: TorchGenerator
  /** Items seen. */
  private seen = 0
  /** The next item that is taken. */
  private next = 0
  private threshold = 1

  /** @param capacity most items that are kept */
  constructor(
    private readonly capacity: number,
    seed: bigint,
  ) {
    this.generator = new TorchGenerator(seed)
  }

  /** Items that are kept now. */
  get size(): number {
    return Math.min(this.seen, this.capacity)
  }

  /** Goes on by `count` items; `keep` gets those that are taken, counted from the first of them, and their places. */
  pass(count: number, keep: (item: number, place: number) => void): void {
    const { capacity } = this
    const end = this.seen + count
    while (this.next < end) {
      const isFilling = this.next < capacity
      keep(this.next - this.seen, isFilling ? this.next : Math.floor(this.uniform() * capacity))
      if (this.next < capacity - 1) this.next++
      else this.skip()
    }
    this.seen = end
  }

  private skip(): void {
    this.threshold *= Math.exp(Math.log(1 - this.uniform()) / this.capacity)
    this.next += Math.floor(Math.log(1 - this.uniform()) / Math.log1p(-this.threshold)) + 1
  }

  /** In [0, 1). */
  private uniform(): number {
    return this.generator.rand(1)[0]!
  }
}
