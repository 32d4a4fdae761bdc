import type { LayerSummary } from '../../contract/inspect'
import { inspectLayers } from '../../engine/inspect/inspect'
import { heldInspection } from '../held-inspection'
import type { TaskRunner } from '../task'

/** Rows are sent together, this often at most. */
const EMIT_EVERY_MS = 100

/** Summaries of all layers, sent as they come. */
export const inspect: TaskRunner<'inspect'> = async ({ project, provider }, { signal, emit }) => {
  const inspection = await heldInspection(project, signal)
  let rows: LayerSummary[] = []
  let emitted = 0
  let layers = 0
  const emitRows = (last: boolean): void => {
    if (last || rows.length > 0) emit({ type: 'rows', rows, last })
    rows = []
    emitted = performance.now()
  }
  await inspectLayers(inspection, { provider, signal }, (summary, fraction) => {
    rows.push(summary)
    layers++
    if (performance.now() - emitted < EMIT_EVERY_MS) return
    emitRows(false)
    emit({ type: 'progress', phase: 'inspecting', fraction })
  })
  emitRows(true)
  return { kind: 'inspect', layers }
}
