import { dropOldest } from '../../checkpoint/containers/drop-oldest'

/** Results of long work by all that they depend on, the last ones: sliders plan the same merge again and again. */
export class RememberedWork<Result> {
  private readonly known = new Map<string, Promise<Result>>()

  constructor(private readonly most: number) {}

  /**
   * The result of this key. Where the work is under way it is waited for; where that fails (whoever began it may have
   * cancelled it) it is forgotten and done again for the one who waits.
   */
  async result(key: string, work: () => Promise<Result>): Promise<Result> {
    const begun = this.known.get(key)
    if (!begun) return this.begin(key, work)
    try {
      return await begun
    } catch {
      return this.result(key, work)
    }
  }

  private async begin(key: string, work: () => Promise<Result>): Promise<Result> {
    dropOldest(this.known, this.most)
    const begun = work().catch((error: unknown) => {
      this.known.delete(key)
      throw error
    })
    this.known.set(key, begun)
    return begun
  }
}
