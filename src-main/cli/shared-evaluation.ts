import { usedDomains } from '../engine/evaluate/compare/compare-methods'
import type { EvaluatedRow, EvaluationRun } from '../engine/evaluate/evaluation-run'
import { measureUnits, missingUnits, type SharedEvaluation } from '../engine/evaluate/shares/measure-units'
import { unitsOf, unitsOfShare } from '../engine/evaluate/shares/units'
import { drawingRuns } from '../contract/preview'
import { notGathered, printShare, sayGathered } from './output/shared-output'
import type { CommonOptions, ProgressLine } from './output/output'
import type { SharedResults } from './options/results-options'

/**
 * What a command does for others: measures its share and prints what it did; or, before it prints the result of all, sees
 * that nothing is missing, where it must not be measured here.
 * @param started of the command, as performance.now() has it
 * @returns whether that was all
 * @throws FusionError 'not-found' with what is missing, and what measuring throws
 */
export async function doShare(
  shared: SharedResults,
  { run, rows, scored }: { run: EvaluationRun; rows: readonly EvaluatedRow[]; scored: SharedEvaluation['scored'] },
  options: CommonOptions,
  progress: ProgressLine,
  started: number,
): Promise<boolean> {
  const { share, gathers } = shared
  const used = usedDomains(run, rows)
  const evaluation: SharedEvaluation = { run, used, scored }
  const units = unitsOf(run, rows, used, scored ? drawnRunsOf(scored) : 0)
  if (share === null) {
    const missing = gathers ? await missingUnits(evaluation, units) : []
    if (missing.length === 0) return false
    sayGathered(shared)
    throw notGathered(shared, units, missing)
  }
  const own = unitsOfShare(units, share)
  const failed: { name: string; message: string }[] = []
  await measureUnits(evaluation, own, {
    onProgress: (phase, fraction) => progress.show(phase, fraction),
    onFailed: (name, { message }) => failed.push({ name, message }),
  })
  progress.end()
  printShare(options, shared, { parts: own.length, failed, seconds: (performance.now() - started) / 1000 })
  return true
}

function drawnRunsOf({ table: { domains, seeds, settings } }: NonNullable<SharedEvaluation['scored']>): number {
  return drawingRuns(domains.reduce((sum, { prompts }) => sum + prompts.length, 0) * seeds, settings)
}
