import type { KernelBuffer, Kernels } from '../../../tensor/kernels'
import { blockElements } from '../block-elements'
import type { ElementBlock, ElementwiseContext } from '../method'

/** What specialists have changed of a block, in float64: arrays that are used again for the next block. */
export class Changes {
  /** [specialists, elements of the block] */
  private readonly buffer: KernelBuffer
  private readonly kernels: Kernels

  /** @param runLength of the merge's blocks, where it says one */
  constructor(
    { kernels, count, weights }: Pick<ElementwiseContext, 'kernels' | 'count' | 'weights'>,
    runLength?: number,
  ) {
    this.kernels = kernels
    this.buffer = kernels.allocateMore((weights.length - 1) * blockElements(count, runLength) * 8)
  }

  /** other − base per specialist: views of the kernels' memory. */
  of({ count, base, others }: ElementBlock): readonly Float64Array[] {
    return others.map((other, m) => {
      const change = this.buffer.part(m * count * 8)
      this.kernels.run.subtract(base.byteOffset, other.byteOffset, change.pointer, count)
      return change.doubles(count)
    })
  }
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
