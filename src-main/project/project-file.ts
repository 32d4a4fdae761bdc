import { stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../contract/errors'
import { projectSchema, type Project } from '../contract/document/project'
import { readSmallText } from '../engine/files/reading/regular-file'
import { SMALL_FILES } from '../engine/files/reading/small-files'
import { fileKind } from '../engine/files/writing/target'
import { writeOutput } from '../engine/files/writing/write-output'
import { mapPaths } from './paths'

export const PROJECT_SUFFIX = '.fusion.json'
const CHANGED_FILE = 'It may come from a newer version, or was changed by hand.'

/** The title of a project's file. */
export function projectTitle(path: string): string {
  const name = basename(path)
  return name.endsWith(PROJECT_SUFFIX) ? name.slice(0, -PROJECT_SUFFIX.length) : name
}

/**
 * Reads a project file; its paths, which are relative to its folder, come back absolute.
 * @throws FusionError 'not-found', 'unreadable', 'unsupported' (no regular file), 'malformed' with the place in the file
 */
export async function readProject(path: string): Promise<Project> {
  const text = await readSmallText(path, SMALL_FILES.project)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new FusionError('malformed', `${path} is not a project file: it is not JSON.`, {
      detail: String(cause),
      hint: CHANGED_FILE,
      cause,
    })
  }
  const parsed = projectSchema.safeParse(value)
  if (!parsed.success) {
    throw new FusionError('malformed', `${path} is not a project file of this program.`, {
      detail: z.prettifyError(parsed.error),
      hint: CHANGED_FILE,
    })
  }
  return mapPaths(parsed.data, (own) => resolve(dirname(path), own))
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
