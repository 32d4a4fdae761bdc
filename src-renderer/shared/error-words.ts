import type { ErrorReport } from '../../src-main/contract/errors'

/** An error as plain text, for a bug report. */
export function errorDetails(error: ErrorReport): string {
  const lines = [`${error.kind}: ${error.message}`]
  if (error.hint) lines.push(error.hint)
  if (error.detail) lines.push('', error.detail)
  return lines.join('\n')
}
