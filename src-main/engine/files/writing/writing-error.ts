import { FusionError } from '../../../contract/errors'

/** The system's own codes (EIO), not Node's (ERR_…). */
const SYSTEM_ERROR = /^E[A-Z0-9]+$/

/**
 * A file system's refusal to write, in words; other errors as they are. Refusals to read have become FusionErrors where
 * they happened.
 */
export function writingError(error: unknown, path: string): unknown {
  if (error instanceof FusionError) return error
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new FusionError('target', `The disk is full: ${path} could not be written.`, {
      hint: 'Free some space or write to another disk. Nothing was left behind.',
      cause: error,
    })
  }
  return code !== undefined && SYSTEM_ERROR.test(code) ? targetError(`${path} could not be written.`, error) : error
}

/** A target that cannot be written, with what the file system says about it. */
export function targetError(message: string, cause: unknown): FusionError {
  return new FusionError('target', message, {
    detail: cause instanceof Error ? cause.message : String(cause),
    hint: 'Check the path and its permissions, or write to another place.',
    cause,
  })
}
