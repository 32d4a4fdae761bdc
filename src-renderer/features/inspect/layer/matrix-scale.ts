import type { MatrixInfo } from '../../../../src-main/contract/inspect'
import {
  divergingScale,
  sequentialScale,
  type ColourScale,
  type Theme,
} from '../../../../src-main/contract/values/colour-scales'

const ORDERS_OF_MAGNITUDE = 4

/**
 * The colours of a matrix: correlations always −1 … 1; slopes and coefficients about 0 up to what 99.9 % of the entries
 * reach, so that one outlier does not turn the rest grey; magnitudes by orders of magnitude below the largest.
 */
export function matrixScale(theme: Theme, info: MatrixInfo, logarithmic: boolean): ColourScale {
  if (logarithmic) {
    const high = Math.max(Math.abs(info.min), Math.abs(info.max)) || 1
    const scale = sequentialScale(theme, high / 10 ** ORDERS_OF_MAGNITUDE, high, true)
    return { ...scale, position: (value) => scale.position(Math.abs(value)) }
  }
  return divergingScale(theme, info.matrix === 'P' ? 1 : quantile(info, 0.999))
}

/**
 * The magnitude that `share` of the matrix's entries reach at most. A draft has the entry of every row with its like in
 * another model, mostly the largest, stride times too often among the rest: there it counts for less, so that the colours
 * stay when the matrix takes its place.
 */
function quantile({ rows, columns, stride, histogram, histogramMax }: MatrixInfo, share: number): number {
  const beyond = (1 - share) * rows * columns
  const ofLikeRows = Math.min(beyond, columns)
  const last = (rows * columns - beyond + ofLikeRows) / stride ** 2 - ofLikeRows / stride
  let seen = 0
  for (const [bin, count] of histogram.entries()) {
    seen += count
    if (seen >= last) return ((bin + 1) / histogram.length) * histogramMax || 1
  }
  return histogramMax || 1
}
