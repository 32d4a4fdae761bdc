import { TILE_SIZE, tilePlace, type MatrixInfo } from '../../../../src-main/contract/inspect'
import type { MatrixSource, MatrixTile, TileAddress } from '../../../shared/charts/matrix-tiles'

/** The tiles that the host serves of a matrix. */
export function matrixSource(info: MatrixInfo): MatrixSource {
  async function load({ level, row, column, reduction }: TileAddress, signal: AbortSignal): Promise<MatrixTile> {
    const { rows, columns, start, end } = tilePlace(info, level, row, column)
    const kind = level > 0 && reduction === 'extreme' ? 'max' : 'mean'
    const url = `${info.url}/${level}.${kind}/${start}-${end}`
    const response = await fetch(new URL(url, document.baseURI), { signal })
    if (!response.ok) throw new Error(`${url}: ${response.status}`)
    return { rows, columns, values: new Float32Array(await response.arrayBuffer()) }
  }

  const { layer, matrix, models, rows, columns, stride, levels } = info
  const key = JSON.stringify([layer, matrix, models])
  return { key, rows, columns, stride, tileSize: TILE_SIZE, maxLevel: levels - 1, load }
}
