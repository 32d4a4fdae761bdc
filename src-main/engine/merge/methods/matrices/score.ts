import { score as descriptor } from '../../../../contract/methods/matrices/score'
import { addTo, scaled, unitsOf, weightedChange } from './matrix-layer'
import { addMean } from './add-mean'
import { orthogonal } from './directions'
import { leadingDirections } from './leading'
import type { Matrix } from '../../../linear-algebra/matrix-products'
import type { MatrixMethod } from '../method'

/** Standard deviations beyond which an entry is an outlier, times the number of specialists. */
const OUTLIER = 1.96

/**
 * SCORE (Chaves et al. 2026, first version of its repository): every change in the orthogonal directions of TSV-Merge; off
 * the diagonal its outliers, where directions of several specialists mix, are dropped.
 */
export const score = {
  ...descriptor,
  combine: addMean,
  async merge(layer) {
    const { products, specialists, settings } = layer
    const { directions, rank } = await leadingDirections(layer)
    const { left, right } = await orthogonal(directions, layer)
    let sum: Matrix | undefined
    for (const specialist of specialists) {
      const { change } = await weightedChange(layer, specialist)
      const turned = await products.multiply(change, right, 'right transposed')
      const own = await products.multiply(left, turned, 'left transposed')
      dropOutliers(own, settings.outlierCentre === 'mean', specialists.length)
      if (sum) addTo(sum, own)
      else sum = own
    }
    await layer.yieldOrCancel()
    const inner = sum ?? { data: right.data.slice(0, 0), rows: 0, columns: 0 }
    const change = await products.multiply(left, await products.multiply(inner, right))
    return { change: scaled(change, settings.scale), rank }
  },
  cost(size) {
    const { product, eigen, matrix, gram } = unitsOf(size)
    return { flops: (size.specialists + 2) * eigen + (5 + size.specialists) * product, bytes: 5 * matrix + 5 * gram }
  },
} satisfies MatrixMethod

/** Outliers off the diagonal become 0. The zeros of the diagonal count in mean and deviation. */
function dropOutliers({ data, rows }: Matrix, fromMean: boolean, specialists: number): void {
  const size = rows * rows
  const isOnDiagonal = (at: number): boolean => at % (rows + 1) === 0
  let total = 0
  if (fromMean) for (let at = 0; at < size; at++) if (!isOnDiagonal(at)) total += data[at]!
  const centre = fromMean ? total / size : 0
  let squares = rows * centre ** 2
  for (let at = 0; at < size; at++) if (!isOnDiagonal(at)) squares += (data[at]! - centre) ** 2
  const limit = (OUTLIER * Math.sqrt(squares / (size - 1))) / specialists
  for (let at = 0; at < size; at++) if (!isOnDiagonal(at) && Math.abs(data[at]! - centre) > limit) data[at] = 0
}
