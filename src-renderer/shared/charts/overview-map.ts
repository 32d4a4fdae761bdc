import type { ColourScale } from '../../../src-main/contract/values/colour-scales'

/** A row of the overview: a layer. */
export interface OverviewRow {
  key: string
  label: string
  /** Block: rows of one block stand together and share a label. */
  group: string
}

export interface OverviewColumn {
  label: string
  /** Place of the model in the project, for its mark and colour. */
  model: number
}

/** One quantity: a column for every specialist. */
export interface OverviewPanel {
  key: string
  label: string
  scale: ColourScale
  /** Undefined: not computed; null: computed, and the quantity does not exist here. */
  value(row: number, column: number): number | null | undefined
  /** The place of a model in the project whose mark stands in the cell. */
  mark?(row: number, column: number): number | undefined
}

/** Where the pointer or the cursor is. */
export interface OverviewCell {
  row: number
  panel: number
  column: number
}

export interface OverviewLayout {
  rowHeight: number
  groupWidth: number
  labelWidth: number
  cellWidth: number
  panelGap: number
}

/** Room for labels first, then columns of equal width, at least 6 pixels. */
export function layoutOverview(width: number, panels: number, columns: number, rowHeight: number): OverviewLayout {
  const groupWidth = 88
  const panelGap = 16
  const labelWidth = rowHeight >= LABELLED_ROW ? Math.min(240, Math.max(160, Math.floor(width * 0.3))) : 0
  const free = width - groupWidth - labelWidth - panelGap * panels
  const widest = Math.max(72, LEAST_PANEL / columns)
  const cellWidth = Math.max(6, Math.min(widest, Math.floor(free / Math.max(1, panels * columns))))
  return { rowHeight, groupWidth, labelWidth, cellWidth, panelGap }
}

/** Room for a panel's name. */
const LEAST_PANEL = 104

/** Least height of a row that has room for its name. */
export const LABELLED_ROW = 14

/** Left edge of a panel. */
export function panelLeft(layout: OverviewLayout, panel: number, columns: number): number {
  return (
    layout.groupWidth + layout.labelWidth + layout.panelGap + panel * (columns * layout.cellWidth + layout.panelGap)
  )
}

/** The cell at a point of the whole map, or null between panels; `row` is right even left of the cells. */
export function cellAt(
  layout: OverviewLayout,
  x: number,
  y: number,
  rows: number,
  panels: number,
  columns: number,
): { row: number; cell: OverviewCell | null } | null {
  const row = Math.floor(y / layout.rowHeight)
  if (row < 0 || row >= rows) return null
  for (let panel = 0; panel < panels; panel++) {
    const column = Math.floor((x - panelLeft(layout, panel, columns)) / layout.cellWidth)
    if (column >= 0 && column < columns) return { row, cell: { row, panel, column } }
  }
  return { row, cell: null }
}

/** What of a canvas's context measures text. */
interface TextMeasure {
  measureText(text: string): { width: number }
}

/** The longest end of a label that fits, with '…' in front: the end tells layers apart. */
export function fitLabel(context: TextMeasure, label: string, width: number): string {
  if (context.measureText(label).width <= width) return label
  let low = 0
  let high = label.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (context.measureText(`…${label.slice(middle)}`).width <= width) high = middle
    else low = middle + 1
  }
  return `…${label.slice(low)}`
}
