import { stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import type { Project } from '../contract/document/project'
import { mapPaths } from '../contract/document/names/project-paths'
import { PROJECT_SUFFIX } from '../contract/document/names/model-names'
import { readProject } from '../engine/merge/chains/project-file'
import { fileKind } from '../engine/files/writing/target'
import { writeOutput } from '../engine/files/writing/write-output'

export { PROJECT_SUFFIX, readProject }

/** The title of a project's file. */
export function projectTitle(path: string): string {
  const name = basename(path)
  return name.endsWith(PROJECT_SUFFIX) ? name.slice(0, -PROJECT_SUFFIX.length) : name
}

export const PROJECT_FILE = fileKind('project of this program', readProject)

/**
 * Writes a project; paths at or below its folder become relative, so that both can move.
 * @param overwrite whether another project may be replaced
 * @throws FusionError 'target'
 */
export async function writeProject(path: string, project: Project, overwrite: boolean): Promise<void> {
  const folder = dirname(resolve(path))
  const portable = mapPaths(project, (own) => {
    const below = relative(folder, own)
    return below === '' || below.startsWith('..') || isAbsolute(below) ? own : below.split(sep).join('/')
  })
  await writeOutput(path, `${JSON.stringify(portable, null, 2)}\n`, { kind: PROJECT_FILE, overwrite })
}

export function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
