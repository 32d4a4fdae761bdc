import { geometricMedian as descriptor } from '../../../../contract/methods/vectors/geometric-median'
import { dot, lengthOf } from '../../../linear-algebra/vectors'
import type { VectorMethod } from '../method'
import { sumOf } from './products'
import { sharesOf } from './shares'

/** sd-mecha's: distances below the first count as that; the objective's least relative change; most iterations. */
const LEAST_DISTANCE = 1e-6
const LEAST_CHANGE = 1e-20
const MOST_ITERATIONS = 100

/** Geometric median of whole tensors by Weiszfeld's iterations (Pillutla et al. 2022; sd-mecha), with weights. */
export const geometricMedian = {
  ...descriptor,
  along: () => 'tensor',
  combine(products, { weights }) {
    const [base, ...changes] = products.coordinates()
    // Distances between models are those between their changes.
    const points = [new Float64Array(base!.length), ...changes]
    let shares = sharesOf(weights)
    let distances = distancesFrom(sumOf(points, shares), points)
    let objective = dot(distances, Float64Array.from(weights))
    for (let step = 0; step < MOST_ITERATIONS; step++) {
      shares = sharesOf(weights.map((weight, m) => weight / Math.max(LEAST_DISTANCE, distances[m]!)))
      distances = distancesFrom(sumOf(points, shares), points)
      const before = objective
      objective = dot(distances, Float64Array.from(weights))
      if (Math.abs(before - objective) <= LEAST_CHANGE * objective) break
    }
    return shares
  },
} satisfies VectorMethod

function distancesFrom(centre: Float64Array, points: readonly Float64Array[]): Float64Array {
  return Float64Array.from(points, (point) => lengthOf(sumOf([centre, point], [1, -1])))
}
