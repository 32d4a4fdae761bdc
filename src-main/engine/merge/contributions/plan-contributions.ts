import {
  ensureContributions,
  forecastContributions,
  reusesContributions,
  type ContributionForecast,
  type ContributionOptions,
} from './contributions'
import type { Contributions } from './contribution-file'
import type { MergePlan } from '../plan/merge-plan'
import { hashSources } from '../plan/recipe'

export interface PlanContributionOptions extends Omit<ContributionOptions, 'hashes'> {
  /** Called with what they take on disk, before any is computed. */
  onForecast?: (forecast: ContributionForecast) => void
}

/**
 * The contributions of a plan that sums them, its sources hashed first; null for any other plan.
 * @throws what hashSources and ensureContributions throw
 */
export async function contributionsOf(
  plan: MergePlan,
  { onForecast, ...options }: PlanContributionOptions,
): Promise<Contributions | null> {
  if (!reusesContributions(plan)) return null
  const { cacheFolder, signal } = options
  const hashes = await hashSources(plan, { cacheFolder, ...(signal && { signal }) })
  if (onForecast) onForecast(await forecastContributions(plan, options))
  return ensureContributions(plan, { ...options, hashes })
}
