import type { LayerSummary } from '../../../src-main/contract/inspect'
import type { LayerInfo } from '../../../src-main/contract/document/models'
import { layerKey } from './inspect-store'
import { largestDelta, strongestConflict } from './layer-measures'

export type LayerOrder = 'network' | 'name' | 'delta' | 'conflict'

export interface LayerFilter {
  /** Part of a name. */
  text: string
  /** A block, or '' for all. */
  block: string
  order: LayerOrder
}

/** The layers to show, in order. Those not computed stand last where the order needs a value. */
export function layersToShow(
  layers: readonly LayerInfo[],
  summaries: ReadonlyMap<string, LayerSummary>,
  filter: LayerFilter,
): LayerInfo[] {
  const text = filter.text.trim().toLowerCase()
  const shown = layers.filter(
    ({ name, block }) => (filter.block === '' || block === filter.block) && name.toLowerCase().includes(text),
  )
  if (filter.order === 'name') return shown.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
  if (filter.order === 'network') return shown
  const measure = filter.order === 'delta' ? (one: LayerSummary) => -largestDelta(one) : strongestConflict
  const ranked = shown.map((layer) => {
    const summary = summaries.get(layerKey(layer.component, layer.name))
    return { layer, rank: (summary ? measure(summary) : null) ?? Infinity }
  })
  return ranked.sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank)).map(({ layer }) => layer)
}
