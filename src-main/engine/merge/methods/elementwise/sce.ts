import { sce as descriptor } from '../../../../contract/methods/elementwise/sce'
import { blockElements } from '../block-elements'
import type { ElementBlock, ElementwiseMerge, ElementwiseMethod } from '../method'
import { addToBase, Changes } from './changes'
import { LargestEntries } from './largest-entries'

/** Below this sum of mean squares all specialists count the same, and shares add up to at least this (mergekit). */
const LEAST = 1e-6

/**
 * SCE (Wan et al. 2024; mergekit's sce) of the weighted changes: the `density` entries of largest variance over the
 * specialists stay, a specialist's share is the mean square of its own there, and those that agree in sign are averaged.
 */
export const sce = {
  ...descriptor,
  start(context) {
    const { kernels, count } = context
    const [, ...weights] = context.weights
    const { density, scale } = context.settings
    const changes = new Changes(context)
    const energies = weights.map(() => 0)
    let varying = 0
    const largest = new LargestEntries(kernels, () => Math.floor(varying * density))
    const [spread, marks] = [8, 1].map((size) => kernels.allocateMore(blockElements(count) * size))
    const weighted = (block: ElementBlock): readonly Float64Array[] => {
      const all = changes.of(block)
      all.forEach((change, m) => scaleBy(change, weights[m]!))
      return all
    }
    const spreadOf = (block: ElementBlock): Float64Array => {
      const own = spread!.doubles(block.count)
      variance(weighted(block), own)
      return own
    }
    const selects = density < 1
    const [inScan, inApply] = [largest.marker(), largest.marker()]
    /** The weighted changes of a block, 0 where they do not stay. */
    const selected = (block: ElementBlock, mark: ReturnType<LargestEntries['marker']>): readonly Float64Array[] => {
      const all = weighted(block)
      if (!selects) return all
      const stays = marks!.bytes(block.count)
      mark(spreadOf(block), stays)
      for (const change of all) for (let i = 0; i < block.count; i++) if (!stays[i]) change[i] = 0
      return all
    }
    const selection: ElementwiseMerge['scans'] = [
      (block) => {
        const own = spreadOf(block)
        for (const value of own) if (value !== 0) varying++
        largest.countCoarse(own)
      },
      (block) => largest.countFine(spreadOf(block)),
    ]
    return {
      scans: [
        ...(selects ? selection : []),
        (block) => {
          selected(block, inScan).forEach((change, m) => {
            let sum = 0
            for (let i = 0; i < block.count; i++) sum += change[i]! ** 2
            energies[m]! += sum / count
          })
        },
      ],
      apply(block, into) {
        average(selected(block, inApply), sharesOf(energies), into)
        addToBase(block.base, scale, into)
      },
    }
  },
} satisfies ElementwiseMethod

function scaleBy(values: Float64Array, factor: number): void {
  if (factor !== 1) for (let i = 0; i < values.length; i++) values[i]! *= factor
}

/** Of every entry over the specialists, divided by their number. */
function variance(changes: readonly Float64Array[], into: Float64Array): void {
  const number = changes.length
  for (let i = 0; i < into.length; i++) {
    let mean = 0
    for (const change of changes) mean += change[i]!
    mean /= number
    let sum = 0
    for (const change of changes) sum += (change[i]! - mean) ** 2
    into[i] = sum / number
  }
}

function sharesOf(energies: readonly number[]): number[] {
  const sum = energies.reduce((total, energy) => total + energy, 0)
  return energies.map((energy) => (sum >= LEAST ? energy / sum : 1 / energies.length))
}

function average(changes: readonly Float64Array[], shares: readonly number[], into: Float64Array): void {
  for (let i = 0; i < into.length; i++) {
    let vote = 0
    for (const change of changes) vote += change[i]!
    let sum = 0
    let part = 0
    for (let m = 0; m < changes.length; m++) {
      const own = changes[m]![i]!
      if (vote >= 0 ? own <= 0 : own >= 0) continue
      sum += shares[m]! * own
      part += shares[m]!
    }
    into[i] = sum / Math.max(LEAST, part)
  }
}
