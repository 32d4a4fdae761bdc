import { FusionError } from '../../contract/errors'
import type { Provider } from '../runtime/session'
import type { Contributions } from './contributions/contribution-file'
import { ensureContributions, reusesContributions } from './contributions/contributions'
import type { MergePlan } from './plan/merge-plan'
import { PlanColumns } from './plan/plan-columns'
import { ensureFitted, isSequential, type FittedNetwork } from './sequential/ensure-fitted'

export interface PrepareOptions {
  provider?: Provider
  /** The built tensor-worker. */
  workerFile?: URL | null
  threads?: number
  cacheFolder?: string
  signal?: AbortSignal
  onProgress?: (phase: 'contributing' | 'fitting', fraction: number) => void
}

/** What is there before a merge's layers are written, as far as its method needs it. */
export interface Prepared {
  columns: PlanColumns | null
  /** Of a plan that is to be re-weighted. */
  contributions: Contributions | null
  /** Of a sequential plan. */
  fitted: FittedNetwork | null
}

/**
 * Finds the calibration's columns, and finds or makes what is kept in the cache.
 * @param hashes sha256 of every source file, by path
 * @throws what PlanColumns.find, ensureContributions and ensureFitted throw
 */
export async function prepare(
  plan: MergePlan,
  hashes: ReadonlyMap<string, string>,
  { provider = 'cpu', workerFile, threads, cacheFolder, signal, onProgress }: PrepareOptions,
): Promise<Prepared> {
  const columns = PlanColumns.find(plan, hashes)
  const keeps = reusesContributions(plan)
  const fits = isSequential(plan) && columns !== null
  if (!keeps && !fits) return { columns, contributions: null, fitted: null }
  if (cacheFolder === undefined) throw new FusionError('internal', 'What a merge keeps needs a cache folder.')
  const shared = {
    ...{ cacheFolder, provider, hashes },
    ...(threads !== undefined && { threads }),
    ...(signal && { signal }),
  }
  const contributions = keeps
    ? await ensureContributions(plan, {
        ...shared,
        ...(workerFile !== undefined && { workerFile }),
        onProgress: (fraction) => onProgress?.('contributing', fraction),
      })
    : null
  const fitted = fits
    ? await ensureFitted(plan, columns, { ...shared, onProgress: (fraction) => onProgress?.('fitting', fraction) })
    : null
  return { columns, contributions, fitted }
}

/** The phase of a merge that takes longest, for those who show one alone. */
export function longestPhase(plan: MergePlan): 'fitting' | 'merging' {
  return isSequential(plan) ? 'fitting' : 'merging'
}
