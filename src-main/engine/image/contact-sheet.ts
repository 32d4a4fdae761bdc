import type { Picture } from './resample'
import { LETTER_WIDTH, LINE_HEIGHT } from './bitmap-font'
import { GAP, SheetPaper } from './sheet-paper'

/** Letters of a line of a row's label. */
const MOST_ROW_LETTERS = 24
/** Lines that a label may take. */
const MOST_LINES = 4

/** Pictures of one size, with a label per row and per column. */
export interface ContactSheet {
  rows: readonly string[]
  columns: readonly string[]
  /** By row and column; RGB. null: there is none. */
  cells: readonly (readonly (Picture | null)[])[]
}

/**
 * The sheet as one RGB picture on white; labels of rows at the left, of columns above, broken into lines.
 * @param size of every picture
 */
export function drawContactSheet(
  { rows, columns, cells }: ContactSheet,
  { width: cellWidth, height: cellHeight }: Pick<Picture, 'width' | 'height'> = cells[0]![0]!,
): Picture {
  const labels = columns.map((label) =>
    brokenLines(label, Math.max(1, Math.floor((cellWidth - GAP / 2) / LETTER_WIDTH))),
  )
  const rowLabels = rows.map((label) => brokenLines(label, MOST_ROW_LETTERS))
  const left = Math.max(...rowLabels.flat().map((line) => line.length), 0) * LETTER_WIDTH + GAP * 2
  const top = Math.max(...labels.map((lines) => lines.length)) * LINE_HEIGHT + GAP * 2
  const width = left + columns.length * (cellWidth + GAP)
  const height = top + rows.length * (cellHeight + GAP)
  const paper = new SheetPaper(width, height)
  labels.forEach((lines, column) =>
    lines.forEach((line, index) => paper.write(line, left + column * (cellWidth + GAP), GAP + index * LINE_HEIGHT)),
  )
  rowLabels.forEach((lines, row) => {
    const y = top + row * (cellHeight + GAP)
    const middle = y + Math.floor((cellHeight - lines.length * LINE_HEIGHT) / 2)
    lines.forEach((line, index) => paper.write(line, GAP, middle + index * LINE_HEIGHT))
    cells[row]!.forEach((cell, column) => cell && paper.paste(cell, left + column * (cellWidth + GAP), y))
  })
  return paper.picture
}

/** Words in lines of at most `most` letters; what is longer is cut. */
function brokenLines(text: string, most: number): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= most) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word.slice(0, most))
  }
  return lines.slice(0, MOST_LINES)
}
