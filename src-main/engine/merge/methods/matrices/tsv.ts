import { tsv as descriptor } from '../../../../contract/methods/matrices/tsv'
import type { MatrixMethod } from '../method'
import { addMean } from './add-mean'
import { orthogonal } from './directions'
import { leadingDirections } from './leading'
import { scaledColumns } from '../../../linear-algebra/rows-and-columns'
import { scaled, unitsOf } from './matrix-layer'

/**
 * TSV-Merge (Gargiulo et al. 2024): the strongest directions of all changes side by side, left and right ones made
 * orthogonal, with their own singular values.
 */
export const tsv = {
  ...descriptor,
  combine: addMean,
  async merge(layer) {
    const { directions, rank } = await leadingDirections(layer)
    const { left, values, right } = await orthogonal(directions, layer)
    await layer.yieldOrCancel()
    const change = await layer.products.multiply(scaledColumns(left, values), right)
    return { change: scaled(change, layer.settings.scale), rank }
  },
  cost(size) {
    const { product, eigen, matrix, gram } = unitsOf(size)
    return { flops: (size.specialists + 2) * eigen + 4 * product, bytes: 4 * matrix + 5 * gram }
  },
} satisfies MatrixMethod
