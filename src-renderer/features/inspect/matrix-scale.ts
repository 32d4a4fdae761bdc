import type { MatrixInfo } from '../../../src-main/contract/inspect'
import { divergingScale, sequentialScale, type ColourScale, type Theme } from '../../shared/colour/scales'

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

function quantile(info: MatrixInfo, share: number): number {
  const total = info.histogram.reduce((sum, count) => sum + count, 0)
  let seen = 0
  for (let bin = 0; bin < info.histogram.length; bin++) {
    seen += info.histogram[bin]!
    if (seen >= share * total) return ((bin + 1) / info.histogram.length) * info.histogramMax || 1
  }
  return info.histogramMax || 1
}
