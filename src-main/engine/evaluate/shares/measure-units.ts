import { groupBy } from '../../../contract/values/group-by'
import type { ScorerFiles } from '../../../contract/evaluate/scores/scorers'
import { measureRows, withFoundScales, type RowNews, type UsedDomains } from '../compare/compare-methods'
import type { EvaluatedRow, EvaluationRun } from '../evaluation-run'
import { drawAndScore, type DrawnTable } from '../scored-pictures/score-table'
import type { loadScorer } from '../scores/load-scorer'
import { isMeasured, NotMeasured } from '../measured/not-measured'
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
 * @param load for tests
 * @throws what measureRows and drawAndScore throw
 */
export async function measureUnits(
  { run, used, scored }: SharedEvaluation,
  units: readonly Unit[],
  { onProgress, onFailed }: Pick<RowNews, 'onProgress' | 'onFailed'> = {},
  load?: typeof loadScorer,
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
    await drawAndScore(
      run,
      measured,
      scored.table,
      scored.files,
      { ...failed, ...(onProgress && { onProgress }) },
      load,
    )
}

/** The parts that nobody has measured yet; nothing is measured for that. @throws what opening models throws */
export async function missingUnits(evaluation: SharedEvaluation, units: readonly Unit[]): Promise<Unit[]> {
  const missing: Unit[] = []
  for (const unit of units) {
    const find = () => measureUnits(evaluation, [unit], {}, () => Promise.reject(new NotMeasured()))
    if (!(await isMeasured(() => evaluation.run.onlyFinding(find)))) missing.push(unit)
  }
  return missing
}
