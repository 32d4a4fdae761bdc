import { cosine as descriptor } from '../../../../contract/methods/vectors/cosine'
import type { MethodSettings } from '../../../../contract/document/project'
import type { VectorContext, VectorMethod } from '../method'
import type { Products } from './products'

/** Lengths count as at least this (PyTorch's cosine_similarity). */
const LEAST_LENGTH = 1e-8

/** How similar base and specialist are at the elements of a column. */
export type Similarity = (products: Products, context: VectorContext) => number

/** Cosine A and B (sd-mecha's add_cosine_a and add_cosine_b): columns, and their mean with whole tensors. */
const measured: Similarity = (products, { whole, settings: { similarity } }) =>
  similarity === 'columns' ? cosineOf(products) : (cosineOf(products) + cosineOf(whole)) / 2

/** Base + weight · share · change, with share = 1 − (similarity − shift), held between 0 and 1. */
export function addBySimilarity(similarity: Similarity): Pick<VectorMethod, 'along' | 'combine'> {
  return {
    along: () => 'columns',
    combine(products, context) {
      const factor = context.weights[1]! * shareOf(similarity(products, context), context.settings)
      return [1 - factor, factor]
    },
  }
}

export const cosine = { ...descriptor, ...addBySimilarity(measured) } satisfies VectorMethod

function shareOf(similarity: number, { shift }: MethodSettings): number {
  return 1 - Math.min(1, Math.max(0, similarity - shift))
}

function cosineOf(products: Products): number {
  const lengths = Math.max(products.length(0), LEAST_LENGTH) * Math.max(products.lengthOfModel(1), LEAST_LENGTH)
  return products.ofModels(0, 1) / lengths
}
