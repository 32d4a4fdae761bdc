import { join, resolve } from 'node:path'
import { FusionError } from '../../../../contract/errors'
import type { Project } from '../../../../contract/document/project'
import { mapPaths } from '../../../../contract/document/names/project-paths'
import { isThere } from '../../../../engine/files/reading/regular-file'
import type { SplitPlan } from '../../../../engine/merge/split/split-plan'

/**
 * A planned project with its models where they lie on this machine: under a folder, by as much of the end of their path as
 * is found there. Whether they are the same files their hashes tell.
 * @param folder undefined: where they lay when the plan was written
 * @throws FusionError 'not-found'
 */
export function withModelsFrom(folder: string | undefined, { project }: SplitPlan): Project {
  if (folder === undefined) return project
  return mapPaths(project, (path) => (path === project.output.path ? path : foundUnder(resolve(folder), path)))
}

function foundUnder(folder: string, path: string): string {
  const parts = path.split(/[\\/]/).filter((part) => part !== '')
  for (let from = 0; from < parts.length; from++) {
    const candidate = join(folder, ...parts.slice(from))
    if (isThere(candidate)) return candidate
  }
  throw new FusionError('not-found', `${path} is not under ${folder}.`, {
    hint: 'Put the model there under its own name, or with the end of its path.',
  })
}
