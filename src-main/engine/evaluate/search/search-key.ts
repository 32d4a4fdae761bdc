import { scorerOf } from '../../../contract/evaluate/search/aims'
import type { Project } from '../../../contract/document/project'
import { digest } from '../../files/kept/digest'
import type { EvaluationRun } from '../evaluation-run'
import { scorerKey } from '../scored-pictures/scorer-key'
import type { MergeSearchOptions } from './search-options'

/** Part of every key: another race, or other arithmetic, is another key. */
const FORMAT = 1

/**
 * What all measurements of a search depend on beside the weights that are tried: files, data, settings.
 * @param searched the merge that it re-weights
 * @throws what looking at files throws
 */
export async function searchKey(
  run: EvaluationRun,
  searched: Project,
  { strategy, groups, seed, race, aims, scores }: Required<MergeSearchOptions>,
): Promise<string> {
  const { provider, keptIn, signal } = run
  const hashing = { provider, cacheFolder: keptIn.cacheFolder, ...(signal && { signal }) }
  const scorers: string[] = []
  for (const aim of aims) {
    const name = scorerOf(aim)
    if (name !== null && scores) scorers.push(await scorerKey(name, scores.files, hashing))
  }
  const drawn = scores && scorers.length > 0 ? [scorers, scores.prompts, scores.drawing] : null
  const merge = await run.measurementKeyOf({ path: null, merge: searched })
  return digest([FORMAT, merge, strategy, groups, race ? seed : null, aims, drawn])
}
