import type { Picture } from './resample'
import { LETTER_WIDTH, LINE_HEIGHT } from './bitmap-font'
import { GAP, PAPER, SheetPaper, type Colour } from './sheet-paper'

const CELL_PADDING = 6
/** Better and worse than the base, at full strength: blue and orange, which colour-blind people tell apart. */
const BETTER = [86, 150, 220] as const
const WORSE = [235, 150, 60] as const

/** A table as a picture. */
export interface ColouredTable {
  title: string
  columns: readonly string[]
  rows: readonly {
    name: string
    /** One per column; `shade` from −1 (better) to 1 (worse), 0 for none. */
    cells: readonly { text: string; shade: number }[]
  }[]
}

/** Draws a table with coloured cells, RGB on white. */
export function drawTable({ title, columns, rows }: ColouredTable): Picture {
  const letters = (texts: readonly string[]): number => Math.max(...texts.map((text) => [...text].length))
  const left = GAP * 2 + letters(rows.map(({ name }) => name)) * LETTER_WIDTH
  const widths = columns.map(
    (column, index) =>
      letters([column, ...rows.map(({ cells }) => cells[index]!.text)]) * LETTER_WIDTH + 2 * CELL_PADDING,
  )
  const lefts = widths.map((_, index) => left + widths.slice(0, index).reduce((sum, width) => sum + width, 0))
  const line = LINE_HEIGHT + 2 * CELL_PADDING
  const top = GAP * 2 + 2 * LINE_HEIGHT
  const width = Math.max(lefts.at(-1)! + widths.at(-1)!, letters([title]) * LETTER_WIDTH + GAP) + GAP
  const height = top + rows.length * line + GAP
  const paper = new SheetPaper(width, height)
  paper.write(title, GAP, GAP)
  columns.forEach((column, index) => paper.write(column, lefts[index]! + CELL_PADDING, GAP + LINE_HEIGHT))
  rows.forEach(({ name, cells }, row) => {
    const y = top + row * line
    paper.write(name, GAP, y + CELL_PADDING)
    cells.forEach(({ text, shade }, index) => {
      const colour = mixed(shade)
      for (let dy = 1; dy < line; dy++)
        for (let dx = 1; dx < widths[index]!; dx++) paper.fill(lefts[index]! + dx, y + dy, colour)
      paper.write(text, lefts[index]! + CELL_PADDING, y + CELL_PADDING)
    })
  })
  return paper.picture
}

/** Several tables, one below the other. */
export function drawTables(tables: readonly ColouredTable[]): Picture {
  const drawn = tables.map(drawTable)
  const paper = new SheetPaper(
    Math.max(...drawn.map(({ width }) => width)),
    drawn.reduce((sum, { height }) => sum + height, 0),
  )
  let top = 0
  for (const picture of drawn) {
    paper.paste(picture, 0, top)
    top += picture.height
  }
  return paper.picture
}

function mixed(shade: number): Colour {
  const strength = Math.min(1, Math.abs(shade))
  const target = shade < 0 ? BETTER : WORSE
  const [red, green, blue] = PAPER.map((paper, i) => Math.round(paper + strength * (target[i]! - paper)))
  return [red!, green!, blue!]
}
