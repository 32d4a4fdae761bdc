import { isoC as descriptor } from '../../../../contract/methods/matrices/iso-c'
import { polarFactor } from '../../../linear-algebra/svd'
import type { MatrixMethod } from '../method'
import { addMean } from './add-mean'
import { scaled, sumOfChanges, unitsOf } from './matrix-layer'

/** Iso-C (Marczak et al. 2025): the sum of all changes with the mean of its singular values in place of each. */
export const isoC = {
  ...descriptor,
  combine: addMean,
  async merge(layer) {
    const { change, floor } = await sumOfChanges(layer)
    const { factor, nuclearNorm, rank } = await polarFactor(change, layer.products, { floor })
    const mean = nuclearNorm / Math.max(1, rank)
    return {
      change: scaled(factor, layer.settings.scale * mean),
      rank: { taken: rank, wanted: Math.min(layer.rows, layer.columns) },
    }
  },
  cost(size) {
    const { product, eigen, matrix, gram } = unitsOf(size)
    return { flops: eigen + product, bytes: 3 * matrix + 5 * gram }
  },
} satisfies MatrixMethod
