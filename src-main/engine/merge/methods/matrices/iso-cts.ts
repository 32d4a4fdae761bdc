import { isoCts as descriptor } from '../../../../contract/methods/matrices/iso-cts'
import { svd } from '../../../linear-algebra/svd'
import { sumOfSquares } from '../../../linear-algebra/truncated-svd'
import type { MatrixMethod } from '../method'
import { addMean } from './add-mean'
import { DirectionList, orthogonal } from './directions'
import { addTo, scaled, sumOfChanges, unitsOf, weightedChange } from './matrix-layer'

/** Rounding of a change from which a large part was taken, relative to the change: by float64 and by float32. */
const TAKEN_ROUNDING = { double: 1e-13, single: 1e-6 }

/**
 * Iso-CTS (Marczak et al. 2025): the strongest directions of the sum, and of each change those outside of them; made
 * orthogonal, with the mean of all singular values in place of each.
 */
export const isoCts = {
  ...descriptor,
  combine: addMean,
  async merge(layer) {
    const { rows, columns, specialists, products, settings } = layer
    const r = Math.min(rows, columns)
    const count = Math.max(1, specialists.length)
    const each = roundToEven((r - Math.floor(r * settings.commonPart)) / count)
    const common = r - each * count
    const list = new DirectionList(layer)
    const sum = await sumOfChanges(layer)
    const shared = await svd(sum.change, products, { count: common, floor: sum.floor })
    list.add(shared)
    for (const specialist of each > 0 ? specialists : []) {
      const { change, floor } = await weightedChange(layer, specialist)
      const whole = Math.sqrt(sumOfSquares(change.data))
      const inShared = await products.multiply(shared.left, change, 'left transposed')
      addTo(change, await products.multiply(shared.left, inShared), -1)
      const rounding = change.data instanceof Float64Array ? TAKEN_ROUNDING.double : TAKEN_ROUNDING.single
      list.add(await svd(change, products, { count: each, floor: Math.max(floor, rounding * whole) }))
    }
    const { left, values, right } = await orthogonal(list.joined(), layer)
    const mean = values.reduce((total, value) => total + value, 0) / Math.max(1, values.length)
    await layer.yieldOrCancel()
    const change = await products.multiply(left, right)
    return { change: scaled(change, settings.scale * mean), rank: { taken: list.count, wanted: r } }
  },
  cost(size) {
    const { product, eigen, matrix, gram } = unitsOf(size)
    return {
      flops: (size.specialists + 3) * eigen + (4 + 2 * size.specialists) * product,
      bytes: 5 * matrix + 5 * gram,
    }
  },
} satisfies MatrixMethod

/** As Python's round: halves go to the even number. */
function roundToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
