import { svc as descriptor } from '../../../../contract/methods/matrices/svc'
import type { MethodSettings } from '../../../../contract/document/project'
import { scaledRows } from '../../../linear-algebra/rows-and-columns'
import { svd } from '../../../linear-algebra/svd'
import type { Matrix } from '../../../linear-algebra/matrix-products'
import type { MatrixMethod } from '../method'
import { scaled, sumOfChanges, unitsOf, type MatrixLayer } from './matrix-layer'

/**
 * Singular-value calibration (Li et al. 2026) of the sum of all changes, or of another merge: each singular value is
 * divided by how much more the merge does along its left vector than the specialists do, in the mean.
 */
export const svc = {
  ...descriptor,
  combine(weights, settings) {
    // Biases and norms stay as the merge has them.
    const factors = weights.slice(1).map((weight, m) => {
      if (isOfFirst(settings)) return m === 0 ? 1 : 0
      return settings.scale * weight
    })
    return { coefficients: [1 - factors.reduce((sum, factor) => sum + factor, 0), ...factors], divisor: 1 }
  },
  async merge(layer) {
    const { products, settings, specialists } = layer
    const ofFirst = isOfFirst(settings)
    const merged = ofFirst ? { change: layer.change(0), floor: layer.floor(0) } : await scaledSum(layer)
    const { left, values, right } = await svd(merged.change, products, { floor: merged.floor })
    const response = scaledRows(right, (at) => values[at]!)
    const taken = ofFirst ? specialists.filter((specialist) => specialist > 0) : specialists
    const overlaps = new Float64Array(values.length)
    for (const specialist of taken) {
      await layer.yieldOrCancel()
      const own = await products.multiply(left, layer.change(specialist), 'left transposed')
      overlaps.forEach((sum, row) => {
        overlaps[row] = sum + Math.max(settings.leastOverlap, overlapOf(response, own, row))
      })
    }
    const factors = overlaps.map((sum) => (sum > 0 ? taken.length / sum : 1))
    await layer.yieldOrCancel()
    return {
      change: await products.multiply(
        left,
        scaledRows(response, (at) => factors[at]!),
      ),
    }
  },
  cost(size) {
    const { product, eigen, matrix, gram } = unitsOf(size)
    return { flops: eigen + (2 + size.specialists) * product, bytes: 6 * matrix + 5 * gram }
  },
} satisfies MatrixMethod

function isOfFirst({ calibrated }: MethodSettings): boolean {
  return calibrated === 'first'
}

async function scaledSum(layer: MatrixLayer): ReturnType<typeof sumOfChanges> {
  const { scale } = layer.settings
  const { change, floor } = await sumOfChanges(layer)
  return { change: scaled(change, scale), floor: Math.abs(scale) * floor }
}

/** ⟨merged, own⟩ / |own|² of one row; 0 where the specialist has nothing there. */
function overlapOf({ data: merged, columns }: Matrix, { data: own }: Matrix, row: number): number {
  let [product, square] = [0, 0]
  for (let at = row * columns; at < (row + 1) * columns; at++) {
    product += merged[at]! * own[at]!
    square += own[at]! ** 2
  }
  return square > 0 ? product / square : 0
}
