import { THIS_MERGE } from '../../../src-main/contract/evaluate/losses'
import type { EvaluationRow } from '../../../src-main/contract/evaluate/report'
import type { TableCell, TableRow } from '../../shared/tables/data-table'

/**
 * A model or merge of an evaluation as a row of a table.
 * @param place of the model in the project; merges have none
 * @param cells null where there are none; then the row says why, or `missing`
 */
export function tableRow(
  { name, words, role, error }: EvaluationRow,
  place: number,
  cells: Record<string, TableCell> | null,
  missing: string,
): TableRow {
  return {
    key: name,
    name,
    tooltip: words || name,
    place: role === 'merge' ? -1 : place,
    ...(name === THIS_MERGE && { look: 'bold' as const }),
    cells,
    message: error ? { text: error.message, tooltip: error.hint, look: 'error' } : { text: missing, look: 'unknown' },
  }
}
