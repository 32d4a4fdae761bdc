import { isAbsolute, join, win32 } from 'node:path'
import { FusionError } from '../../../contract/errors'

/**
 * The path of a file that another file names, below the folder of that one: contents never name what lies elsewhere.
 * @param source the file that names it, for messages
 * @throws FusionError 'malformed'
 */
export function ownFile(folder: string, name: string, source: string): string {
  const parts = name.split(/[\\/]/)
  const leaves = isAbsolute(name) || win32.isAbsolute(name) || /^[a-z]:/i.test(name) || parts.includes('..')
  if (!leaves && name !== '' && !name.includes('\0')) return join(folder, name)
  throw new FusionError('malformed', `${source} names ${JSON.stringify(name)}, which does not lie in its folder.`, {
    hint: 'Files are named relative to the folder, without "..".',
  })
}
