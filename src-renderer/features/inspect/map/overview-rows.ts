import {
  largestChange,
  leastSurvival,
  strongestConflict,
  type GroupMeasures,
} from '../../../../src-main/contract/report/group-measures'

export const LAYER_ORDERS = ['network', 'change', 'conflict', 'survival', 'name'] as const
export type LayerOrder = (typeof LAYER_ORDERS)[number]

export interface LayerFilter {
  /** Part of a name. */
  text: string
  /** A block, or '' for all. */
  block: string
  order: LayerOrder
}

/** Least first. */
const RANKS: Partial<Record<LayerOrder, (measures: GroupMeasures) => number | null>> = {
  change: (measures) => {
    const most = largestChange(measures)
    return most === null ? null : -most
  },
  conflict: (measures) => strongestConflict(measures)?.value ?? null,
  survival: leastSurvival,
}

/** The layers (or blocks) to show, in order. Those not computed stand last where the order needs a value. */
export function layersToShow<Row extends { key: string; name: string; block: string }>(
  layers: readonly Row[],
  measures: ReadonlyMap<string, GroupMeasures>,
  filter: LayerFilter,
): Row[] {
  const text = filter.text.trim().toLowerCase()
  const shown = layers.filter(
    ({ name, block }) => (filter.block === '' || block === filter.block) && name.toLowerCase().includes(text),
  )
  if (filter.order === 'name') return shown.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
  const rankOf = RANKS[filter.order]
  if (!rankOf) return shown
  const ranked = shown.map((layer) => {
    const own = measures.get(layer.key)
    return { layer, rank: (own ? rankOf(own) : null) ?? Infinity }
  })
  return ranked.sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank)).map(({ layer }) => layer)
}
