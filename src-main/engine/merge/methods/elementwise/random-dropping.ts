import type { ElementwiseContext, ElementwiseMerge } from '../method'
import { addToBase, Changes, type MixChanges } from './changes'
import { seededDraws, type DrawSource } from './random-draw'

/** Below this L1 norm changes are left as they are (mergekit). */
const LEAST_NORM = 1e-7

/** How likely entries stay. */
export interface Chances {
  /** Blocks consist of whole runs of so many elements; of any number where nothing is said. */
  runLength?: number
  /** Of a block of changes: one chance for all, or one for each. */
  of(changes: Float64Array): number | Float64Array
}

/**
 * What DARE, DARE-TIES, DELLA and DELLA-linear share (mergekit's generalised task arithmetic): random entries of each
 * specialist's changes are dropped, the rest grows to make up for them, and `mix` merges what is left.
 */
export function startDropping(
  context: ElementwiseContext,
  chances: Chances,
  mix: MixChanges,
  draws: DrawSource = seededDraws(context.settings.seed, context.tensor),
): ElementwiseMerge {
  const [, ...weights] = context.weights
  const { rescale, scale } = context.settings
  const before = new Float64Array(weights.length)
  const after = new Float64Array(weights.length)
  const drawScan = weights.map((_, m) => draws(m))
  const drawApply = weights.map((_, m) => draws(m))
  const changes = new Changes(context, chances.runLength)
  const measure: ElementwiseMerge['scans'][number] = (block) =>
    changes.of(block).forEach((change, m) => {
      const stays = drawScan[m]!(block.count, chances.of(change))
      let [all, kept] = [before[m]!, after[m]!]
      for (let i = 0; i < block.count; i++) {
        const size = Math.abs(change[i]!)
        all += size
        kept += size * stays[i]! // No branch: what stays is not foreseeable.
      }
      before[m] = all
      after[m] = kept
    })
  return {
    ...(chances.runLength !== undefined && { runLength: chances.runLength }),
    scans: rescale === 'density' ? [] : [measure],
    apply(block, into) {
      const all = changes.of(block)
      all.forEach((change, m) => {
        const chance = chances.of(change)
        const stays = drawApply[m]!(block.count, chance)
        if (rescale === 'density') growByChance(change, stays, chance)
        else grow(change, stays, after[m]! > LEAST_NORM ? before[m]! / after[m]! : 1)
      })
      mix(all, weights, into)
      addToBase(block.base, scale, into)
    },
  }
}

function growByChance(change: Float64Array, stays: ArrayLike<number>, chances: number | Float64Array): void {
  if (typeof chances === 'number') return grow(change, stays, 1 / chances)
  for (let i = 0; i < change.length; i++) change[i] = stays[i] ? change[i]! / chances[i]! : 0
}

function grow(change: Float64Array, stays: ArrayLike<number>, factor: number): void {
  for (let i = 0; i < change.length; i++) change[i]! *= stays[i]! * factor
}
