import type { MatrixInfo, MatrixKind } from '../../contract/inspect'
import { bandRowsOf, correlationMatrix } from '../../engine/inspect/correlation-matrix'
import { findLayer, openLayer, type OpenedLayer } from '../../engine/inspect/inspect'
import { TilePyramid, type PyramidSummary } from '../../engine/inspect/tile-pyramid'
import { yieldOrCancel } from '../../engine/cancel'
import { FusionSessions } from '../../engine/merge/fusion/statistics'
import { heldInspection } from '../held-inspection'
import type { TaskRunner } from '../task'

/** Where histograms end: correlations at 1; slopes and coefficients of related rows seldom pass 2. */
const HISTOGRAM_MAX = { P: 1, S: 2, C: 2 } as const

/** Writes one layer's P, S or C as tiles; of a large one, a draft first that is there at once. */
export const matrix: TaskRunner<'matrix'> = async (task, { signal, emit }) => {
  const { project, provider, layer, matrix: kind, folder, url } = task
  const inspection = await heldInspection(project, signal)
  const sessions = new FusionSessions(provider)
  const { rows, fusion, draft, close } = openLayer(findLayer(inspection, layer), inspection, sessions)
  const models = inspection.models.map(({ entry }) => entry.name)
  const info = (stride: number, summary: PyramidSummary, url: string): MatrixInfo => {
    return { layer, matrix: kind, models, rows: rows.rows, columns: rows.models * rows.rows, stride, ...summary, url }
  }
  const pause = (): Promise<void> => yieldOrCancel(signal)
  try {
    const drafted = draft()
    if (drafted) {
      const summary = await writeTiles(kind, drafted, `${folder}-draft`, pause)
      emit({ type: 'matrix-draft', matrix: info(drafted.stride, summary, `${url}-draft`) })
    }
    const summary = await writeTiles(kind, { rows, fusion }, folder, (done) => {
      emit({ type: 'progress', phase: 'computing', fraction: done })
      return pause()
    })
    return { kind: 'matrix', matrix: info(1, summary, url) }
  } finally {
    close()
    await sessions.release()
  }
}

async function writeTiles(
  kind: MatrixKind,
  { rows, fusion }: OpenedLayer,
  folder: string,
  pause: (done: number) => Promise<void>,
): Promise<PyramidSummary> {
  const pyramid = new TilePyramid(folder, rows.rows, rows.models * rows.rows, HISTOGRAM_MAX[kind], bandRowsOf(rows))
  try {
    await correlationMatrix(kind, rows, fusion, ({ count }) => pyramid.add(count), pause, pyramid.values)
    return pyramid.finish()
  } finally {
    pyramid.close()
  }
}
