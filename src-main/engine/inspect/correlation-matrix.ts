import { TILE_SIZE, type MatrixKind } from '../../contract/inspect'
import type { RowStatistics } from '../merge/fusion/statistics'
import type { FusionLayer } from '../merge/fusion/fusion-layer'
import type { LayerRows } from '../merge/fusion/layer-rows'

/** Rows [start, start + count) of a matrix [rows, models · rows], row-major. */
export interface MatrixBand {
  start: number
  count: number
  values: Float32Array
}

/** What a band may hold, or a few rows of tiles where that is more: the more rows, the fewer times models are read. */
const BAND_ELEMENTS = 16 * 1024 * 1024
const LEAST_TILES = 3

/** Rows of a band: whole rows of tiles, or all there are. */
export function bandRowsOf({ rows, models }: LayerRows): number {
  const tiles = Math.floor(BAND_ELEMENTS / (models * rows * TILE_SIZE))
  return Math.min(rows, TILE_SIZE * Math.max(LEAST_TILES, tiles))
}

/**
 * Computes a layer's P, S or C (method.md, 'Statistics of a layer') band by band, from the first row to the last; one
 * band is held, and its values are overwritten by the next.
 * @param pause called between products with the part that is done, 0 … 1: throws to stop
 * @param values memory for a band, [bandRowsOf(layer), models · rows]
 */
export async function correlationMatrix(
  kind: MatrixKind,
  layer: LayerRows,
  fusion: FusionLayer,
  onBand: (band: MatrixBand) => void,
  pause: (done: number) => Promise<void>,
  values: Float32Array = new Float32Array(bandRowsOf(layer) * layer.models * layer.rows),
): Promise<void> {
  // P needs no statistics beforehand: lengths are known once the rows are read.
  const statistics = kind === 'P' ? null : await fusion.statistics()
  const columns = layer.models * layer.rows
  const bandRows = bandRowsOf(layer)
  let done = 0
  await fusion.scan(
    'correlations',
    statistics,
    ({ start, count, model, first, columns: width, outputs }) => {
      const tile = outputs['correlations']!.data as Float32Array
      const bandStart = start - (start % bandRows)
      const offset = model * layer.rows + first
      for (let row = 0; row < count; row++) {
        const at = (start - bandStart + row) * columns + offset
        const into = values.subarray(at, at + width)
        into.set(tile.subarray(row * width, (row + 1) * width))
        if (kind !== 'P') toSlopes(kind, into, statistics!, start + row, model, first)
      }
      done += count * width
      const end = Math.min(bandStart + bandRows, layer.rows)
      if (start + count < end || offset + width < columns) return
      const rows = end - bandStart
      onBand({ start: bandStart, count: rows, values: values.subarray(0, rows * columns) })
    },
    () => pause(done / (layer.rows * columns)),
    bandRows,
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
