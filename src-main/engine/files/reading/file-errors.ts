import { FusionError } from '../../../contract/errors'

/** What the file system said when a file or folder could not be opened, as an error of ours. */
export function unreadable(path: string, cause: unknown): FusionError {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new FusionError('not-found', `${path} is not there.`, { hint: 'Check the path.', cause })
  }
  const denied = code === 'EACCES' || code === 'EPERM'
  return new FusionError('unreadable', `${path} cannot be read.`, {
    detail: cause instanceof Error ? cause.message : String(cause),
    hint: denied ? 'Check the permissions of the file.' : 'Check the disk or network drive that holds it.',
    cause,
  })
}

/** A file that is not what was written. @param what is damaged in it: 'the tensor conv_in.weight' */
export function damaged(path: string, what: string): FusionError {
  return new FusionError('damaged', `${path} is damaged: ${what} is not what was written.`, {
    hint: 'Make the file again, or restore it from a copy.',
    file: path,
  })
}
