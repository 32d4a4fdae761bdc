import type { MatrixKind } from '../../contract/inspect'
import type { RowStatistics } from '../merge/statistics'
import type { FusionLayer } from '../merge/fusion-layer'
import type { LayerRows } from '../merge/layer-rows'

/** Rows [start, start + count) of a matrix [rows, models · rows], row-major. */
export interface MatrixBand {
  start: number
  count: number
  values: Float32Array
}

/**
 * Computes a layer's P, S or C (method.md, 'Statistics of a layer') band by band, from the first row to the last; no more
 * than one band is held.
 * @param pause called between products: throws to stop
 */
export async function correlationMatrix(
  kind: MatrixKind,
  layer: LayerRows,
  fusion: FusionLayer,
  onBand: (band: MatrixBand) => void,
  pause: () => Promise<void>,
): Promise<void> {
  const statistics = await fusion.statistics()
  const columns = layer.models * layer.rows
  let band: MatrixBand = { start: 0, count: 0, values: new Float32Array(0) }
  await fusion.scan(
    'correlations',
    statistics,
    ({ start, count, model, first, columns: width, outputs }) => {
      if (model === 0 && first === 0) band = { start, count, values: new Float32Array(count * columns) }
      const tile = outputs['correlations']!.data as Float32Array
      const offset = model * layer.rows + first
      for (let row = 0; row < count; row++) {
        const into = band.values.subarray(row * columns + offset, row * columns + offset + width)
        into.set(tile.subarray(row * width, (row + 1) * width))
        if (kind !== 'P') toSlopes(kind, into, statistics, start + row, model, first)
      }
      if (model === layer.models - 1 && first + width === layer.rows) onBand(band)
    },
    pause,
  )
}

/** S_ij = P_ij σ_j / σ_i and C_ij = |P_ij| S_ij, in place of P_ij; a dead base row has 0. */
function toSlopes(
  kind: 'S' | 'C',
  values: Float32Array,
  { sigma }: RowStatistics,
  row: number,
  model: number,
  first: number,
): void {
  const base = sigma[0]![row]!
  const lengths = sigma[model]!
  for (let j = 0; j < values.length; j++) {
    const p = values[j]!
    const slope = base > 0 ? (p * lengths[first + j]!) / base : 0
    values[j] = kind === 'S' ? slope : Math.abs(p) * slope
  }
}
