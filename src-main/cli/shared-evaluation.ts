import { drawingRuns } from '../contract/preview'
import { usedDomains } from '../engine/evaluate/compare/compare-methods'
import type { EvaluatedRow, EvaluationRun } from '../engine/evaluate/evaluation-run'
import { isLasting } from '../engine/evaluate/measured/kept-failures'
import { measureUnits, missingUnits, type SharedEvaluation } from '../engine/evaluate/shares/measure-units'
import { unitsOf, type Unit } from '../engine/evaluate/shares/units'
import type { EndedShare } from './output/shared-output'
import type { CommonOptions, ProgressLine } from './output/output'
import type { SharedResults } from './options/results-options'
import { doParts } from './shared-parts'

/** doParts of an evaluation. */
export function doShare(
  shared: SharedResults,
  { run, rows, scored }: { run: EvaluationRun; rows: readonly EvaluatedRow[]; scored: SharedEvaluation['scored'] },
  options: CommonOptions,
  progress: ProgressLine,
  started: number,
): Promise<boolean> {
  const used = usedDomains(run, rows)
  const evaluation: SharedEvaluation = { run, used, scored }
  const parts = unitsOf(run, rows, used, scored ? drawnRunsOf(scored) : 0)
  const missing = () => missingUnits(evaluation, parts)
  const measure = async (own: readonly Unit[]): Promise<EndedShare['failed']> => {
    const failed: EndedShare['failed'] = []
    await measureUnits(evaluation, own, {
      onProgress: (phase, fraction) => progress.show(phase, fraction),
      onFailed: (name, { kind, message }) => failed.push({ name, message, isKept: isLasting(kind) }),
    })
    progress.end()
    return failed
  }
  return doParts(shared, { parts, missing, measure }, options, started)
}

function drawnRunsOf({ table: { domains, seeds, settings } }: NonNullable<SharedEvaluation['scored']>): number {
  return drawingRuns(domains.reduce((sum, { prompts }) => sum + prompts.length, 0) * seeds, settings)
}
