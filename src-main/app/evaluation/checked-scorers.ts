import { collectPaths, ofEvaluation } from '../../contract/document/names/project-paths'
import type { EvaluationSettings } from '../../contract/evaluate/settings'
import type { PathAccess } from '../files/path-access'

/** What a project scores with: the files of scorers and prompts. @throws FusionError 'validation' for one that may not be read */
export async function checkedScorers(
  evaluation: EvaluationSettings,
  access: PathAccess,
): Promise<Pick<EvaluationSettings, 'scores' | 'scorers'>> {
  const paths = collectPaths((map) => ofEvaluation({ ...evaluation, data: null }, map))
  const checked = new Map<string, string>()
  for (const path of paths) checked.set(path, await access.check(path))
  const { scores, scorers } = ofEvaluation(evaluation, (path) => checked.get(path) ?? path)
  return { scores, scorers }
}
