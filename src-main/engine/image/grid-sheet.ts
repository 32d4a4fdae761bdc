import { FusionError } from '../../contract/errors'
import type { GridLabels } from '../../contract/grid/grid'
import { readSmallFile } from '../files/reading/regular-file'
import { SMALL_FILES } from '../files/reading/small-files'
import { LINE_HEIGHT } from './bitmap-font'
import { drawContactSheet } from './contact-sheet'
import { decodePng } from './png'
import { resize, type Picture } from './resample'
import { GAP, SheetPaper } from './sheet-paper'

/** Pixels of all pictures together; larger ones are made smaller. */
const MOST_PIXELS = 64e6
/** Smaller pictures leave no room for labels. */
const LEAST_EDGE = 96

/**
 * A grid as one picture: a contact sheet for each value of its third axis, one under the other.
 * @param tables by table, row and column; null: not drawn
 * @throws FusionError 'validation' where nothing is drawn
 */
export function drawGridSheet(
  labels: GridLabels,
  tables: readonly (readonly (readonly (Picture | null)[])[])[],
): Picture {
  const first = tables.flat(2).find((picture) => picture !== null)
  if (!first) throw new FusionError('validation', 'Nothing of this grid is drawn yet.')
  const count = labels.x.length * labels.y.length * labels.z.length
  const scale = cellScale(first, count)
  const width = Math.round(first.width * scale)
  const height = Math.round(first.height * scale)
  const fitted = (picture: Picture | null): Picture | null => {
    if (!picture || (picture.width === width && picture.height === height)) return picture
    return resize(picture, width, height, Number.isInteger(scale) ? 'nearest' : 'bicubic')
  }
  const sheets = tables.map((rows) =>
    drawContactSheet(
      { rows: labels.y, columns: labels.x, cells: rows.map((row) => row.map(fitted)) },
      { width, height },
    ),
  )
  return stacked(labels.z, sheets)
}

/**
 * The same of pictures on the disk.
 * @param files PNG, by table, row and column; null: not drawn
 * @throws FusionError of a file that cannot be read, or as drawGridSheet does
 */
export async function readGridSheet(
  labels: GridLabels,
  files: readonly (readonly (readonly (string | null)[])[])[],
): Promise<Picture> {
  const tables = []
  for (const table of files) {
    const rows = []
    for (const row of table) rows.push(await Promise.all(row.map(readCell)))
    tables.push(rows)
  }
  return drawGridSheet(labels, tables)
}

async function readCell(file: string | null): Promise<Picture | null> {
  return file === null ? null : decodePng(await readSmallFile(file, SMALL_FILES.picture))
}

/** Small pictures become a whole number of times as large, so that every pixel stays as it is. */
function cellScale({ width, height }: Picture, count: number): number {
  const larger = Math.max(1, Math.ceil(LEAST_EDGE / Math.min(width, height)))
  const most = Math.sqrt(MOST_PIXELS / (width * height * count))
  return larger <= most ? larger : Math.min(1, most)
}

function stacked(titles: readonly string[], sheets: readonly Picture[]): Picture {
  if (sheets.length === 1 && titles[0] === '') return sheets[0]!
  const head = GAP + LINE_HEIGHT
  const width = Math.max(...sheets.map((sheet) => sheet.width))
  const height = sheets.reduce((sum, sheet) => sum + sheet.height + head, 0)
  const paper = new SheetPaper(width, height)
  let top = 0
  sheets.forEach((sheet, index) => {
    paper.write(titles[index]!, GAP, top + GAP)
    paper.paste(sheet, 0, top + head)
    top += head + sheet.height
  })
  return paper.picture
}
