import { multislerp as descriptor } from '../../../../contract/methods/vectors/multislerp'
import type { VectorMethod } from '../method'
import { dot, sumOf } from './products'

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
    const [base, ...changes] = points
    const isAtBase = origin === 'base'
    const vectors = isAtBase
      ? [new Float64Array(points.length), ...changes]
      : [base!, ...changes.map((change) => sumOf([base!, change], [1, 1]))]
    const sum = weightsAs === 'shares' ? weights.reduce((total, weight) => total + weight, 0) : 1
    const shares = weights.map((weight) => weight / sum)
    const lengths = vectors.map((vector) => Math.sqrt(dot(vector, vector)))
    const directions = shares.map((share, m) => share / (lengths[m]! + EPSILON))
    const mean = sumOf(vectors, directions)
    const length = Math.sqrt(dot(mean, mean))
    const stretch = length === 0 ? 0 : shares.reduce((total, share, m) => total + share * lengths[m]!, 0) / length
    const factors = directions.map((direction) => direction * stretch)
    if (!isAtBase) return factors
    const [, ...others] = factors
    return [1 - others.reduce((total, factor) => total + factor, 0), ...others]
  },
} satisfies VectorMethod
