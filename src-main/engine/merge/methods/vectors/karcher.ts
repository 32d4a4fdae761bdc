import { karcher as descriptor } from '../../../../contract/methods/vectors/karcher'
import { dot, lengthOf } from '../../../linear-algebra/vectors'
import type { VectorMethod } from '../method'
import { modelVectors, sumOf } from './products'
import { sharesOf } from './shares'

/**
 * Karcher mean (mergekit): the weighted mean of unit vectors on the sphere, by steps along the mean tangent until one
 * is shorter than the tolerance; times the weighted mean of the lengths.
 */
export const karcher = {
  ...descriptor,
  along: () => 'tensor',
  combine(products, { weights, settings: { iterations, tolerance, weightsAs } }) {
    const vectors = modelVectors(products.coordinates())
    const lengths = vectors.map(lengthOf)
    const live = lengths.map((length) => length > tolerance)
    const shares = sharesOf(weights, weightsAs)
    const liveSum = shares.reduce((sum, share, m) => sum + (live[m] ? share : 0), 0)
    if (liveSum === 0) return shares
    const inMean = shares.map((share, m) => (live[m] ? share / liveSum : 0))
    const units = vectors.map((vector, m) => vector.map((value) => (live[m] ? value / lengths[m]! : 0)))
    const mean = meanDirection(units, inMean, iterations, tolerance)
    const length = shares.reduce((sum, share, m) => sum + share * lengths[m]!, 0)
    return mean.map((factor, m) => (live[m] ? (factor * length) / lengths[m]! : 0))
  },
} satisfies VectorMethod

/** @returns factors on the unit vectors that make up the mean direction */
function meanDirection(
  units: readonly Float64Array[],
  shares: readonly number[],
  iterations: number,
  tolerance: number,
): number[] {
  const start = lengthOf(sumOf(units, shares))
  const first = shares.findIndex((share) => share > 0)
  let factors = start < tolerance ? shares.map((_, m) => (m === first ? 1 : 0)) : shares.map((share) => share / start)
  for (let step = 0; step < iterations; step++) {
    const mean = sumOf(units, factors)
    const tangent = shares.map(() => 0)
    let onMean = 0
    units.forEach((unit, m) => {
      const cosine = Math.min(1, Math.max(-1, dot(mean, unit)))
      const angle = Math.acos(cosine)
      const sine = Math.sin(angle)
      if (shares[m] === 0 || angle < tolerance || sine === 0) return
      const factor = (shares[m]! * angle) / sine
      tangent[m] = factor
      onMean += factor * cosine
    })
    const along = tangent.map((factor, m) => factor - onMean * factors[m]!)
    const size = lengthOf(sumOf(units, along))
    if (size < tolerance) break
    const turned = factors.map((factor, m) => Math.cos(size) * factor + (Math.sin(size) / size) * along[m]!)
    const length = lengthOf(sumOf(units, turned))
    factors = turned.map((factor) => factor / length)
  }
  return factors
}
