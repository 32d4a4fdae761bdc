import type { GroupMeasures } from '../../../../src-main/contract/report/group-measures'
import type { InspectedColumn } from '../../../../src-main/contract/report/inspected-map'
import { MEASURES, valueOf, type MeasureName } from '../../../../src-main/contract/report/measures'

/** What the map says of a cell. */
export interface CellReadout {
  /** The block or the layer. */
  where: string
  /** Of the specialist, in the project. */
  place: number
  /** 'flat · change: 5 %'. */
  words: string
}

/** @param measures of the block or layer; undefined where it is not computed */
export function cellReadout(
  where: string,
  measures: GroupMeasures | undefined,
  columns: readonly InspectedColumn[],
  column: number,
  name: MeasureName,
): CellReadout {
  const { name: specialist, place } = columns[column]!
  const { label, format } = MEASURES[name]
  const value = measures && valueOf(measures, name, column)
  const opponent = name === 'conflict' ? columns[measures?.conflict[column]?.opponent ?? -1]?.name : undefined
  const against = opponent === undefined ? '' : ` with ${opponent}`
  const said = value != null ? format(value) : measures ? NOTHING[name] : 'not computed'
  return { where, place, words: `${specialist} · ${label.toLowerCase()}${against}: ${said}` }
}

/** Why there is no value of a layer that was computed. */
const NOTHING: Readonly<Record<MeasureName, string>> = {
  change: 'nothing to compare',
  survives: 'not known',
  conflict: 'nothing to compare',
  others: 'nothing to compare',
}
