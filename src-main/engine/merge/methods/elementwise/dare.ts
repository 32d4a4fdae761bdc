import { dare as descriptor } from '../../../../contract/methods/elementwise/dare'
import type { ElementwiseContext, ElementwiseMerge, ElementwiseMethod } from '../method'
import { seededMasks, type MaskSource } from './random-mask'
import { signConsensus } from './sign-consensus'

/** Below this L1 norm a masked delta is left as it is (mergekit). */
const LEAST_NORM = 1e-7

/** How the dropped and scaled deltas of a block, per model, become one. */
export type MixDeltas = (deltas: readonly Float64Array[], weights: readonly number[], into: Float64Array) => void

/**
 * What DARE and DARE-TIES share (Yu et al. 2024; mergekit's dare_linear and dare_ties): random entries of each delta
 * are dropped, the rest grows to make up for them, and `mix` merges the models' deltas.
 */
export function startDare(
  { tensor, weights: [, ...weights], settings }: ElementwiseContext,
  mix: MixDeltas,
  maskSource: MaskSource = seededMasks(settings.seed, tensor, settings.density),
): ElementwiseMerge {
  const { density, rescale, scale } = settings
  const before = new Float64Array(weights.length)
  const after = new Float64Array(weights.length)
  const drawScan = weights.map((_, m) => maskSource(m))
  const drawApply = weights.map((_, m) => maskSource(m))
  const growth = (m: number): number =>
    rescale === 'density' ? 1 / density : after[m]! > LEAST_NORM ? before[m]! / after[m]! : 1
  return {
    scans:
      rescale === 'density'
        ? []
        : [
            ({ base, others }) =>
              others.forEach((other, m) => {
                const mask = drawScan[m]!(base.length)
                for (let i = 0; i < base.length; i++) {
                  const size = Math.abs(other[i]! - base[i]!)
                  before[m]! += size
                  if (mask[i]) after[m]! += size
                }
              }),
          ],
    apply({ base, others }, into) {
      const deltas = others.map((other, m) => {
        const mask = drawApply[m]!(base.length)
        const factor = growth(m)
        const kept = new Float64Array(base.length)
        for (let i = 0; i < base.length; i++) if (mask[i]) kept[i] = (other[i]! - base[i]!) * factor
        return kept
      })
      mix(deltas, weights, into)
      for (let i = 0; i < base.length; i++) into[i] = base[i]! + scale * into[i]!
    },
  }
}

/** Σ w_m delta_m. */
export const addDeltas: MixDeltas = (deltas, weights, into) => {
  into.fill(0)
  deltas.forEach((delta, m) => {
    const weight = weights[m]!
    for (let i = 0; i < into.length; i++) into[i]! += weight * delta[i]!
  })
}

/** mergekit's dare_ties elects by mass and does not normalise. */
export const electDeltas: MixDeltas = (deltas, weights, into) => signConsensus(deltas, weights, 'sum', false, into)

/** DARE: random entries of each delta are dropped, the rest grows, and the deltas add up. */
export const dare = {
  ...descriptor,
  start: (context) => startDare(context, addDeltas),
} satisfies ElementwiseMethod
