import type { ElementBlock, ElementwiseContext, ElementwiseMerge, ElementwiseMethod } from './method'
import { seededMasks, type MaskSource } from './random-mask'
import { signConsensus } from './sign-consensus'

/** Below this L1 norm a masked delta is left as it is (mergekit). */
const LEAST_NORM = 1e-7

/**
 * What DARE and DARE-TIES share (Yu et al. 2024; mergekit's dare_linear and dare_ties): random entries of each delta
 * are dropped, the rest grows to make up for them, and `mix` merges the weighted deltas of an entry.
 */
export function startDare(
  { count, tensor, weights, settings }: ElementwiseContext,
  mix: (deltas: Float64Array, weights: readonly number[]) => number,
  maskSource: MaskSource = seededMasks(settings.seed, tensor, settings.density),
): ElementwiseMerge {
  const { density, rescale, scale } = settings
  const before = new Float64Array(weights.length)
  const after = new Float64Array(weights.length)
  const drawScan = weights.map((_, m) => maskSource(m))
  const drawApply = weights.map((_, m) => maskSource(m))
  const norms = ({ count: length, base, others }: ElementBlock): void => {
    others.forEach((other, m) => {
      const mask = drawScan[m]!(length)
      for (let i = 0; i < length; i++) {
        const size = Math.abs(other[i]! - base[i]!)
        before[m]! += size
        if (mask[i]) after[m]! += size
      }
    })
  }
  const growth = (m: number): number =>
    rescale === 'density' ? 1 / density : after[m]! > LEAST_NORM ? before[m]! / after[m]! : 1
  const deltas = new Float64Array(weights.length)
  return {
    scans: rescale === 'l1' && count > 0 ? [norms] : [],
    apply({ count: length, base, others }, into) {
      const masks = drawApply.map((draw) => draw(length))
      const factors = weights.map((_, m) => growth(m))
      for (let i = 0; i < length; i++) {
        for (let m = 0; m < deltas.length; m++) {
          deltas[m] = masks[m]![i] ? (others[m]![i]! - base[i]!) * factors[m]! : 0
        }
        into[i] = base[i]! + scale * mix(deltas, weights)
      }
    },
  }
}

/** Σ w_m delta_m of one entry. */
export function weightedDeltas(deltas: Float64Array, weights: readonly number[]): number {
  let sum = 0
  for (let m = 0; m < deltas.length; m++) sum += weights[m]! * deltas[m]!
  return sum
}

/** mergekit's dare_ties elects by mass and does not normalise. */
export function weightedConsensus(deltas: Float64Array, weights: readonly number[]): number {
  return signConsensus(deltas, weights, 'sum', false)
}

/** DARE: random entries of each delta are dropped, the rest grows, and the deltas add up. */
export const dare: ElementwiseMethod = {
  kind: 'elementwise',
  name: 'dare',
  title: 'DARE',
  summary: 'Drops random changes of each specialist, scales up the rest and adds them to the base.',
  baseTakesPart: false,
  specialists: { least: 1, most: Infinity },
  uses: ['density', 'rescale', 'scale', 'seed'],
  start: (context) => startDare(context, weightedDeltas),
}
