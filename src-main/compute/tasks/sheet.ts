import { readGridSheet } from '../../engine/image/grid-sheet'
import { encodePng } from '../../engine/image/png'
import { writeWhole } from '../../engine/files/writing/write-whole'
import type { TaskRunner } from '../task'

/** Draws a grid's pictures as one PNG, with the labels of its rows, columns and tables. */
export const sheet: TaskRunner<'sheet'> = async ({ labels, files, target }) => {
  const picture = await readGridSheet(labels, files)
  await writeWhole(target, encodePng(picture))
  return { kind: 'sheet', width: picture.width, height: picture.height }
}
