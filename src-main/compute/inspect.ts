import type { LayerSummary } from '../contract/inspect'
import { inspectLayers } from '../engine/inspect/inspect'
import { heldInspection } from './held-inspection'
import type { TaskRunner } from './task'

/** Rows are told together, this often at most. */
const TELL_EVERY_MS = 100

/** Summaries of all layers, told as they come. */
export const inspect: TaskRunner<'inspect'> = async ({ project, provider }, { signal, tell }) => {
  const inspection = await heldInspection(project)
  let rows: LayerSummary[] = []
  let told = 0
  let layers = 0
  const tellRows = (last: boolean): void => {
    if (last || rows.length > 0) tell({ type: 'rows', rows, last })
    rows = []
    told = performance.now()
  }
  await inspectLayers(inspection, { provider, signal }, (summary, fraction) => {
    rows.push(summary)
    layers++
    if (performance.now() - told < TELL_EVERY_MS) return
    tellRows(false)
    tell({ type: 'progress', phase: 'inspecting', fraction })
  })
  tellRows(true)
  return { kind: 'inspect', layers }
}
