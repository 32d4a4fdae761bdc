import { bandRowsOf, correlationMatrix } from '../engine/inspect/correlation-matrix'
import { findLayer, openInspection, openLayer } from '../engine/inspect/inspect'
import { TilePyramid } from '../engine/inspect/tile-pyramid'
import { throwIfCancelled } from '../engine/merge/cancel'
import { FusionSessions } from '../engine/merge/statistics'
import type { TaskRunner } from './task'

/** Where histograms end: correlations at 1; slopes and coefficients of related rows seldom pass 2. */
const HISTOGRAM_MAX = { P: 1, S: 2, C: 2 } as const

/** Writes one layer's P, S or C as tiles. */
export const matrix: TaskRunner<'matrix'> = async (task, { signal, tell }) => {
  const { project, provider, layer, matrix: kind, folder, url } = task
  const inspection = await openInspection(project)
  const inspected = findLayer(inspection, layer)
  const sessions = new FusionSessions(provider)
  const { rows, fusion, close } = openLayer(inspected, inspection, sessions)
  try {
    const size = { rows: rows.rows, columns: rows.models * rows.rows }
    const pyramid = new TilePyramid(folder, size.rows, size.columns, HISTOGRAM_MAX[kind], bandRowsOf(rows))
    try {
      await correlationMatrix(
        kind,
        rows,
        fusion,
        ({ count }) => pyramid.add(count),
        async (done) => {
          tell({ type: 'progress', phase: 'computing', fraction: done })
          await new Promise(setImmediate)
          throwIfCancelled(signal)
        },
        pyramid.values,
      )
      const models = inspection.models.map(({ entry }) => entry.name)
      return { kind: 'matrix', matrix: { layer, matrix: kind, models, ...size, ...pyramid.finish(), url } }
    } finally {
      pyramid.close()
    }
  } finally {
    close()
    await sessions.release()
  }
}
