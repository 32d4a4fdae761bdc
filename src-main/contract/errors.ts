/** Every kind of error that the program reports. The list is closed: interfaces translate kinds, not messages. */
export const ERROR_KINDS = [
  'validation', // a command, option or document that is not what the contract says
  'not-found', // a file or folder that is not there
  'unreadable', // a file that is there and cannot be opened (permissions, I/O)
  'malformed', // a file whose contents break their format
  'damaged', // a file whose contents are not those that were written
  'unsupported', // a format, element type or configuration that is known and not supported
  'incompatible', // models that do not fit together
  'not-finite', // NaN or infinity where a weight should be
  'source-changed', // a source file changed while it was in use
  'target', // a target that cannot be written: read-only, inside a source, disk full
  'out-of-memory', // the work needs more memory than there is
  'device', // an execution provider that cannot be used
  'compute-died', // the compute process ended
  'cancelled',
  'internal', // a fault of this program
] as const

export type ErrorKind = (typeof ERROR_KINDS)[number]

/** An error as data, the form in which it crosses processes and reaches people. */
export interface ErrorReport {
  kind: ErrorKind
  /** What happened, to which file or tensor. */
  message: string
  /** Facts that help to find the cause (tensor lists, a library's own message). */
  detail?: string
  /** What to try. */
  hint?: string
  /** The file, where a program can do something about it. */
  file?: string
}

/** The one error class of the engine. */
export class FusionError extends Error implements ErrorReport {
  override readonly name = 'FusionError'
  readonly kind: ErrorKind
  readonly detail?: string
  readonly hint?: string
  readonly file?: string

  constructor(
    kind: ErrorKind,
    message: string,
    more: { detail?: string; hint?: string; file?: string; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.kind = kind
    if (more.detail !== undefined) this.detail = more.detail
    if (more.hint !== undefined) this.hint = more.hint
    if (more.file !== undefined) this.file = more.file
  }
}

/** Any thrown value as an ErrorReport; what is no FusionError is a fault of ours and says so. */
export function toErrorReport(error: unknown): ErrorReport {
  if (error instanceof FusionError) {
    const { kind, message, detail, hint, file } = error
    return {
      kind,
      message,
      ...(detail !== undefined && { detail }),
      ...(hint !== undefined && { hint }),
      ...(file !== undefined && { file }),
    }
  }
  const message = error instanceof Error ? error.message : String(error)
  const detail = error instanceof Error ? error.stack : undefined
  return {
    kind: 'internal',
    message: `Unexpected error: ${message}`,
    ...(detail !== undefined && { detail }),
    hint: 'This is a fault of FeatureFusion Studio. Please report it with the details.',
  }
}

/** An ErrorReport that crossed a process as an error again. */
export function fromErrorReport({ kind, message, ...more }: ErrorReport): FusionError {
  return new FusionError(kind, message, more)
}
