import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../../../contract/errors'
import { projectSchema, type Project } from '../../../contract/document/project'
import { mapPaths } from '../../../contract/document/names/project-paths'
import { readSmallText } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'

const CHANGED_FILE = 'It may come from a newer version, or was changed by hand.'

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
