import type { ElementBlock } from '../method'

/** What specialists have changed of a block, in float64: arrays that are used again for the next block. */
export class Changes {
  private arrays: Float64Array[] = []

  constructor(private readonly specialists: number) {}

  /** other − base per specialist. */
  of({ count, base, others }: ElementBlock): readonly Float64Array[] {
    if (this.arrays[0]?.length !== count)
      this.arrays = Array.from({ length: this.specialists }, () => new Float64Array(count))
    others.forEach((other, m) => changesOf(base, other, this.arrays[m]!))
    return this.arrays
  }
}

/** other − base. */
export function changesOf(base: Float32Array, other: Float32Array, into: Float64Array): void {
  for (let i = 0; i < into.length; i++) into[i] = other[i]! - base[i]!
}

/** into = base + scale · into. */
export function addToBase(base: Float32Array, scale: number, into: Float64Array): void {
  for (let i = 0; i < into.length; i++) into[i] = base[i]! + scale * into[i]!
}

/** How the changes of a block that specialists keep become one. */
export type MixChanges = (changes: readonly Float64Array[], weights: readonly number[], into: Float64Array) => void

/** Σ w_m change_m. */
export const addUp: MixChanges = (changes, weights, into) => {
  into.fill(0)
  changes.forEach((change, m) => {
    const weight = weights[m]!
    for (let i = 0; i < into.length; i++) into[i]! += weight * change[i]!
  })
}
