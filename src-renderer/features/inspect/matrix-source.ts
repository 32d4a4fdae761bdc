import type { MatrixInfo } from '../../../src-main/contract/inspect'
import { TILE_SIZE } from '../../../src-main/contract/inspect'
import type { MatrixSource, MatrixTile } from '../../shared/charts/matrix-tiles'

/** The tiles that the host serves of a matrix. */
export function matrixSource(info: MatrixInfo): MatrixSource {
  const maxLevel = info.levels - 1

  async function values(
    level: number,
    row: number,
    column: number,
    kind: string,
    signal: AbortSignal,
  ): Promise<Float32Array> {
    const response = await fetch(new URL(`${info.url}/${level}/${row}-${column}.${kind}`, document.baseURI), { signal })
    if (!response.ok) throw new Error(`Tile ${level}/${row}-${column}: ${response.status}`)
    return new Float32Array(await response.arrayBuffer())
  }

  async function load(level: number, row: number, column: number, signal: AbortSignal): Promise<MatrixTile> {
    const asked = values(level, row, column, 'mean', signal)
    const [mean, extreme] = await Promise.all([asked, level === 0 ? asked : values(level, row, column, 'max', signal)])
    const columns = Math.min(TILE_SIZE, reduced(info.columns, level) - column * TILE_SIZE)
    return { rows: mean.length / columns, columns, mean, extreme }
  }

  const key = `${info.url}/${info.matrix}`
  return { key, rows: info.rows, columns: info.columns, tileSize: TILE_SIZE, maxLevel, load }
}

/** A side after halving it `level` times, rounding up each time. */
function reduced(side: number, level: number): number {
  return Math.ceil(side / 2 ** level)
}
