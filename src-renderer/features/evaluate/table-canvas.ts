import { tokenColour } from '../../shared/charts/theme-colours'
import { savePicture } from '../../shared/save-picture'
import type { TableRow } from '../../shared/tables/data-table'

/** A cell of a drawn table. */
interface DrawnCell {
  text: string
  background?: string
  colour?: string
}

const ROW = 28
const NAME = 220
const CELL = 96
const PADDING = 16

/** Saves a table as a picture, its cells in their colours; rows without figures are left out. */
export function saveTable(title: string, columns: readonly string[], rows: readonly TableRow[], file: string): void {
  const header = ['', ...columns].map((text) => ({ text }))
  const body = rows
    .filter(({ cells }) => cells)
    .map(({ name, cells }) => [
      { text: name },
      ...columns.map((column): DrawnCell => {
        const { text, style } = cells![column]!
        return {
          text,
          ...(style?.background !== undefined && { background: style.background }),
          ...(style?.color !== undefined && { colour: style.color }),
        }
      }),
    ])
  const colours = {
    surface: tokenColour('--surface'),
    text: tokenColour('--text'),
    font: getComputedStyle(document.body).fontFamily,
  }
  savePicture(drawTable(title, [header, ...body], colours), file)
}

function drawTable(
  title: string,
  rows: readonly (readonly DrawnCell[])[],
  colours: { surface: string; text: string; font: string },
): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  const scale = 2
  const columns = rows[0]!.length
  const width = 2 * PADDING + NAME + (columns - 1) * CELL
  const height = 2 * PADDING + (rows.length + 1) * ROW
  canvas.width = width * scale
  canvas.height = height * scale
  const pen = canvas.getContext('2d')!
  pen.scale(scale, scale)
  pen.fillStyle = colours.surface
  pen.fillRect(0, 0, width, height)
  pen.textBaseline = 'middle'
  pen.fillStyle = colours.text
  pen.font = `600 14px ${colours.font}`
  pen.fillText(title, PADDING, PADDING + ROW / 2)
  pen.font = `12px ${colours.font}`
  rows.forEach((cells, row) =>
    cells.forEach(({ text, background, colour }, column) => {
      const left = PADDING + (column === 0 ? 0 : NAME + (column - 1) * CELL)
      const top = PADDING + (row + 1) * ROW
      const wide = column === 0 ? NAME : CELL
      if (background !== undefined) {
        pen.fillStyle = background
        pen.fillRect(left + 1, top + 1, wide - 2, ROW - 2)
      }
      pen.fillStyle = colour ?? colours.text
      pen.textAlign = column === 0 ? 'left' : 'center'
      pen.fillText(text, column === 0 ? left : left + wide / 2, top + ROW / 2, wide - 8)
    }),
  )
  return canvas
}
