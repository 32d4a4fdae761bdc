import { FusionError } from '../../contract/errors'
import type { LayerSummary } from '../../contract/inspect'
import { takingPart, type MethodSettings, type Project } from '../../contract/document/project'
import type { AlignListener } from '../merge/alignment/align-models'
import { denoiserFiles } from '../merge/plan/calibration/calibrated-models'
import type { ComponentName, TensorView } from '../checkpoint/model/checkpoint'
import type { SourceFile } from '../checkpoint/containers/container'
import { hashFile } from '../checkpoint/hash'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import { yieldOrCancel } from '../cancel'
import { FusionLayer } from '../merge/fusion/fusion-layer'
import { layersOf, type Layer } from '../merge/plan/layers'
import { TensorRows, type LayerRows } from '../merge/fusion/layer-rows'
import { Blocks } from '../merge/plan/blocks'
import { openModels } from '../merge/open-model'
import { sourcesOf, type PlannedModel } from '../merge/plan/merge-plan'
import { PlanColumns } from '../merge/plan/plan-columns'
import { viewOf } from '../merge/plan/export/output-files'
import { samplesFor } from '../merge/jobs/layer-inputs'
import { FusionSessions } from '../merge/fusion/statistics'
import { viewInputs } from '../merge/jobs/view-inputs'
import type { Provider } from '../runtime/session'
import { Kernels } from '../tensor/kernels'
import { deltaSummary } from './delta-summary'
import { rowSummary } from './row-summary'
import { draftStride, StridedRows } from './strided-rows'

/** A layer that can be looked at, of models that are open. */
export interface InspectedLayer {
  component: ComponentName
  block: string
  layer: Layer
  views: TensorView[]
}

/** Models opened to be looked at: all enabled ones and the base, compatible or not merged at all. */
export interface Inspection {
  models: PlannedModel[]
  /** Everything that is read, as it was when it was opened. */
  files: SourceFile[]
  layers: InspectedLayer[]
  settings: MethodSettings
  /** Real inputs, for calibrated statistics. */
  columns: PlanColumns | null
}

export interface InspectOptions {
  provider?: Provider
  signal?: AbortSignal
}

/**
 * Opens a project's models and lists their layers in the order of the network's file; aligned, where they are merged so.
 * @throws FusionError as planMerge does
 */
export async function openInspection(project: Project, listener: AlignListener = {}): Promise<Inspection> {
  const enabled = { ...project, models: takingPart(project.models) }
  const opened = await openModels(enabled, listener)
  const { models, base, components, calibration } = opened
  const settings = project.method
  const blocks = Blocks.of(base)
  const layers = components.flatMap((name) => {
    return layersOf(base, name, settings).map((layer) => ({
      component: name,
      block: blocks.blockOf(name, layer.weight),
      layer,
      views: models.map(({ checkpoint }) => viewOf(checkpoint, name, layer.weight)),
    }))
  })
  const columns = calibration && PlanColumns.find(opened, await hashesOf(denoiserFiles(models[0]!.checkpoint)))
  return { models, files: sourcesOf(opened), layers, settings, columns }
}

async function hashesOf(paths: readonly string[]): Promise<Map<string, string>> {
  const hashes = new Map<string, string>()
  for (const path of paths) hashes.set(path, await hashFile(path))
  return hashes
}

/**
 * The layer with that weight's name (with or without its component in front).
 * @throws FusionError 'not-found' with names that resemble it
 */
export function findLayer({ layers }: Inspection, name: string): InspectedLayer {
  const found = layers.find(({ component, layer }) => [layer.weight, `${component}/${layer.weight}`].includes(name))
  if (found) return found
  const similar = layers
    .map(({ layer }) => layer.weight)
    .filter((weight) => weight.includes(name.replace(/\.weight$/, '')))
  throw new FusionError('not-found', `No layer is named ${name}.`, {
    hint:
      similar.length > 0
        ? `Did you mean ${similar.slice(0, 5).join(', ')}?`
        : 'Run inspect without --layer for a list.',
  })
}

/** A layer that is open: its rows and what scans them. */
export interface OpenedLayer<Rows extends LayerRows = LayerRows> {
  rows: Rows
  fusion: FusionLayer
}

/**
 * Opens one layer for correlation scans; `close` it after use. Of a grouped convolution the first group. `draft` opens
 * every stride-th row alone, where that is much less (draftStride).
 */
export function openLayer(
  { component, layer, views }: InspectedLayer,
  { settings, columns, files }: Pick<Inspection, 'settings' | 'columns' | 'files'>,
  sessions: FusionSessions,
): OpenedLayer<TensorRows> & { draft: () => (OpenedLayer & { stride: number }) | null; close: () => void } {
  const reader = new TensorReader(files)
  const all = new TensorRows(viewInputs(views, reader), layer.shape, layer.kind, 0, null)
  const samples = samplesFor(settings, { component, layer }, all, columns, reader)
  const options = { normaliser: settings.normaliser, threshold: 0, weights: views.map(() => 1), samples }
  const open = <Rows extends LayerRows>(rows: Rows): OpenedLayer<Rows> => {
    const kernels = new Kernels(FusionLayer.memory(rows, samples?.count ?? null))
    return { rows, fusion: new FusionLayer(rows, options, sessions, kernels) }
  }
  // Rows of a transposed convolution lie scattered: some cost as much as all.
  const stride = layer.kind.transposedConvolution ? 1 : draftStride(all)
  const draft = (): (OpenedLayer & { stride: number }) | null =>
    stride === 1 ? null : { ...open(new StridedRows(all, stride)), stride }
  return { ...open(all), draft, close: () => reader.close() }
}

/**
 * Summaries of all layers, one after the other, as they are computed.
 * @param onLayer gets every summary with the fraction of the work that is done
 * @throws FusionError 'cancelled', 'not-finite', 'source-changed', 'device'
 */
export async function inspectLayers(
  { layers, ...inspection }: Inspection,
  { provider = 'cpu', signal }: InspectOptions,
  onLayer: (summary: LayerSummary, fraction: number) => void,
): Promise<void> {
  const sessions = new FusionSessions(provider)
  const pause = async (): Promise<void> => {
    await yieldOrCancel(signal)
  }
  const work = layers.map(({ layer }) => layer.shape[0]! * layer.shape.reduce((product, size) => product * size, 1))
  const total = work.reduce((sum, value) => sum + value, 0)
  let done = 0
  try {
    for (const [index, inspected] of layers.entries()) {
      const { rows, fusion, close } = openLayer(inspected, inspection, sessions)
      try {
        const summary: LayerSummary = {
          layer: inspected.layer.weight,
          component: inspected.component,
          block: inspected.block,
          rows: rows.rows,
          inputs: rows.inputs,
          ...(await deltaSummary(rows, pause)),
          ...(await rowSummary(rows, fusion, pause)),
        }
        done += work[index]!
        onLayer(summary, done / total)
      } finally {
        close()
      }
    }
  } finally {
    await sessions.release()
  }
}
