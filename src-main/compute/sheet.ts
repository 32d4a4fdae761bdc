import { decodePng, encodePng } from '../engine/image/png'
import { drawGridSheet } from '../engine/image/grid-sheet'
import { readSmallFile } from '../engine/files/reading/regular-file'
import { SMALL_FILES } from '../engine/files/reading/small-files'
import { writeWhole } from '../engine/files/writing/write-whole'
import type { TaskRunner } from './task'

/** Draws a grid's pictures as one PNG, with the labels of its rows, columns and tables. */
export const sheet: TaskRunner<'sheet'> = async ({ labels, files, target }) => {
  const readOne = async (file: string | null) =>
    file === null ? null : decodePng(await readSmallFile(file, SMALL_FILES.picture))
  const tables = []
  for (const table of files) {
    const rows = []
    for (const row of table) rows.push(await Promise.all(row.map(readOne)))
    tables.push(rows)
  }
  const picture = drawGridSheet(labels, tables)
  await writeWhole(target, encodePng(picture))
  return { kind: 'sheet', width: picture.width, height: picture.height }
}
