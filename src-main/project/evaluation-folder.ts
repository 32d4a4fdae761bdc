import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FusionError } from '../contract/errors'
import type { Project } from '../contract/document/project'

/** Where a family keeps its evaluation data, beside its base. */
const OWN_FOLDER = 'evaluation'

/**
 * The folder of a project's evaluation data: its own choice, or the one beside its base.
 * @throws FusionError 'validation' where there is neither
 */
export function evaluationFolder(project: Project): string {
  if (project.evaluation.data !== null) return project.evaluation.data
  const own = ownDataFolder(project)
  if (own !== null && existsSync(join(own, 'evaluation.json'))) return own
  throw noData()
}

/** The folder beside a project's base, where data may lie; null where the project has another, or no models. */
export function ownDataFolder({ evaluation, models }: Project): string | null {
  const base = models[0]?.path
  return evaluation.data !== null || base === undefined ? null : join(dirname(base), OWN_FOLDER)
}

export function noData(): FusionError {
  return new FusionError('validation', 'There are no pictures for the evaluation.', {
    hint: 'Choose a folder of pictures with captions: a .txt beside each picture, one sub-folder for each domain.',
  })
}
