import { unitsOfShare } from '../engine/evaluate/shares/units'
import { notGathered, printShare, sayGathered, type EndedShare } from './output/shared-output'
import { EXIT, type CommonOptions } from './output/output'
import type { SharedResults } from './options/results-options'

/** What a command measures in parts. */
export interface SharedParts<Part> {
  parts: readonly Part[]
  /** Those that nobody has measured yet. */
  missing: () => Promise<readonly Part[]>
  /** Measures some, and says which failed. */
  measure: (parts: readonly Part[]) => Promise<EndedShare['failed']>
}

/**
 * What a command does for others: measures its share and prints what it did (where a part is missing because it
 * failed, the process ends with that exit code); or, before it prints the result of all, sees
 * that nothing is missing, where it must not be measured here.
 * @param started of the command, as performance.now() has it
 * @returns whether that was all
 * @throws FusionError 'not-found' with what is missing, and what measuring throws
 */
export async function doParts<Part extends { name: string; cost: number }>(
  shared: SharedResults,
  { parts, missing: findMissing, measure }: SharedParts<Part>,
  options: CommonOptions,
  started: number,
): Promise<boolean> {
  if (shared.share === null) {
    const missing = shared.gathers ? await findMissing() : []
    if (missing.length === 0) return false
    sayGathered(shared)
    throw notGathered(shared, parts, missing)
  }
  const own = unitsOfShare(parts, shared.share)
  const failed = await measure(own)
  printShare(options, shared, { parts: own.length, failed, seconds: (performance.now() - started) / 1000 })
  if (failed.some(({ isKept }) => !isKept)) process.exitCode = EXIT.failed
  return true
}
