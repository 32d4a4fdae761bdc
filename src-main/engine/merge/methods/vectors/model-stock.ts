import { modelStock as descriptor } from '../../../../contract/methods/vectors/model-stock'
import type { VectorMethod } from '../method'
import type { Products } from './products'

/** Products of lengths (mergekit), or lengths (sd-mecha), count as at least this. */
const EPSILON = 1e-6

/**
 * Model Stock (Jang et al. 2024): base + t · the mean of the changes, times their weights, with t = N c / (1 + (N − 1) c)
 * and c the mean cosine of pairs of changes.
 */
export const modelStock = {
  ...descriptor,
  along: ({ stockForm }) => (stockForm === 'tensor' ? 'tensor' : 'rows'),
  combine(products, { weights: [, ...weights], settings: { stockForm, scale } }) {
    const count = weights.length
    const cosine = stockForm === 'neighbours' ? neighbours(products, count) : allPairs(products, count)
    const below = 1 + (count - 1) * cosine
    const t = Math.abs(below) < EPSILON ? 0 : (count * cosine) / below
    const factors = weights.map((weight) => (scale * t * weight) / count)
    return [1 - factors.reduce((sum, factor) => sum + factor, 0), ...factors]
  },
} satisfies VectorMethod

/** mergekit's mean cosine. */
function allPairs(products: Products, count: number): number {
  let sum = 0
  for (let i = 1; i <= count; i++)
    for (let j = i + 1; j <= count; j++) {
      const lengths = products.length(i) * products.length(j)
      sum += Math.min(1, Math.max(-1, products.of(i, j) / Math.max(lengths, EPSILON)))
    }
  return sum / ((count * (count - 1)) / 2)
}

/** sd-mecha's: of each specialist and the next one. */
function neighbours(products: Products, count: number): number {
  let sum = 0
  for (let i = 1; i < count; i++)
    sum += products.of(i, i + 1) / (Math.max(products.length(i), EPSILON) * Math.max(products.length(i + 1), EPSILON))
  return sum / (count - 1)
}
