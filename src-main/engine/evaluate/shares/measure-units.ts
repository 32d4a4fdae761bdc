import { groupBy } from '../../../contract/values/group-by'
import type { ScorerFiles } from '../../../contract/evaluate/scores/scorers'
import { measureRows, withFoundScales, type RowNews, type UsedDomains } from '../compare/compare-methods'
import type { EvaluatedRow, EvaluationRun } from '../evaluation-run'
import { drawAndScore, type DrawnTable } from '../scored-pictures/score-table'
import { isMeasured } from '../measured/not-measured'
import type { Unit } from './units'

/** An evaluation that is measured in parts. */
export interface SharedEvaluation {
  run: EvaluationRun
  used: UsedDomains
  /** What rows draw to be scored, and the scorers; null where nothing is. */
  scored: { table: DrawnTable; files: ScorerFiles } | null
}

/**
 * Measures parts of an evaluation, or finds them measured: rows one after the other, then what they drew by one scorer
 * after the other. A row that fails is told and left out.
 * @throws what measureRows and drawAndScore throw
 */
export async function measureUnits(
  { run, used, scored }: SharedEvaluation,
  units: readonly Unit[],
  { onProgress, onFailed }: Pick<RowNews, 'onProgress' | 'onFailed'> = {},
): Promise<void> {
  const failed = onFailed && { onFailed }
  const measured: EvaluatedRow[] = []
  let done = 0
  for (const [row, own] of groupBy(units, (unit) => unit.row)) {
    const part = own.length / units.length
    const rows = await measureRows(
      run,
      [row],
      { ...failed, onProgress: (phase, fraction) => onProgress?.(phase, done + part * fraction) },
      { search: used.search, judged: own.flatMap(({ domains }) => domains) },
    )
    measured.push(...withFoundScales([row], rows))
    done += part
  }
  if (scored)
    await drawAndScore(run, measured, scored.table, scored.files, { ...failed, ...(onProgress && { onProgress }) })
}

/**
 * The parts that nobody has measured yet, or found out why they cannot be measured.
 * @param evaluation its results are gathered
 * @throws what opening models and the base throw
 */
export async function missingUnits(evaluation: SharedEvaluation, units: readonly Unit[]): Promise<Unit[]> {
  const missing: Unit[] = []
  for (const unit of units) if (!(await isMeasured(() => measureUnits(evaluation, [unit])))) missing.push(unit)
  return missing
}
