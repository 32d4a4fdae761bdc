import { nuslerp as descriptor } from '../../../../contract/methods/vectors/nuslerp'
import type { VectorMethod } from '../method'
import { nuslerpArc } from './arc'

/** NuSLERP (mergekit) around the base: from the first specialist's changes to the second's, by the second's share. */
export const nuslerp = {
  ...descriptor,
  along: ({ axis }) => axis,
  combine(products, { weights: [, first, second], settings: { scale } }) {
    const sum = first! + second!
    const t = sum === 0 ? 0.5 : second! / sum
    const factors = nuslerpArc(products.of(1, 2), [products.length(1), products.length(2)], t)
    const [a, b] = factors.map((factor) => scale * factor)
    return [1 - a! - b!, a!, b!]
  },
} satisfies VectorMethod
