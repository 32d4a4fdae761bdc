import { multislerp as descriptor } from '../../../../contract/methods/vectors/multislerp'
import { lengthOf } from '../../../linear-algebra/vectors'
import type { VectorMethod } from '../method'
import { modelVectors, sumOf } from './products'
import { sharesOf } from './shares'

/** mergekit adds it to lengths. */
const EPSILON = 1e-8

/**
 * Multi-SLERP (mergekit): the weighted mean of unit vectors, as long as the weighted mean of the lengths. mergekit's
 * step along the tangent is always zero and left out.
 */
export const multislerp = {
  ...descriptor,
  along: () => 'tensor',
  combine(products, { weights, settings: { origin, weightsAs } }) {
    const points = products.coordinates()
    const isAtBase = origin === 'base'
    const vectors = isAtBase ? [new Float64Array(points.length), ...points.slice(1)] : modelVectors(points)
    const shares = sharesOf(weights, weightsAs)
    const lengths = vectors.map(lengthOf)
    const directions = shares.map((share, m) => share / (lengths[m]! + EPSILON))
    const mean = sumOf(vectors, directions)
    const length = lengthOf(mean)
    const stretch = length === 0 ? 0 : shares.reduce((total, share, m) => total + share * lengths[m]!, 0) / length
    const factors = directions.map((direction) => direction * stretch)
    if (!isAtBase) return factors
    const [, ...others] = factors
    return [1 - others.reduce((total, factor) => total + factor, 0), ...others]
  },
} satisfies VectorMethod
