import type { YieldOrCancel } from '../../cancel'
import type { LayerRows } from '../fusion/layer-rows'
import type { RegressionLayer, RegressionReport } from '../regression/regression-layer'

/** A fitted layer, in memory. */
export interface FittedRows {
  /** [n, d] */
  weight: Float32Array
  /** [n]; null where the layer has none. */
  bias: Float32Array | null
  report: RegressionReport
  lambda: number
}

/**
 * Fits a whole layer.
 * @param rows the layer's, with its bias as the last input where it is `biased`
 */
export async function fitRows(
  layer: RegressionLayer,
  rows: Pick<LayerRows, 'rows' | 'inputs'>,
  biased: boolean,
  yieldOrCancel: YieldOrCancel,
): Promise<FittedRows> {
  const inputs = biased ? rows.inputs - 1 : rows.inputs
  const weight = new Float32Array(rows.rows * inputs)
  const bias = biased ? new Float32Array(rows.rows) : null
  const { report, lambda } = await layer.merge(({ start, count, weights }) => {
    const values = weights.floats(count * rows.inputs)
    for (let row = 0; row < count; row++) {
      const first = row * rows.inputs
      weight.set(values.subarray(first, first + inputs), (start + row) * inputs)
      if (bias) bias[start + row] = values[first + inputs]!
    }
  }, yieldOrCancel)
  return { weight, bias, report, lambda }
}
