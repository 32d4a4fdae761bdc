import { FusionError, toErrorReport } from '../../../contract/errors'

/** A result or a picture that was made cannot be written to its folder: nor could those that follow. */
export class NotKept extends FusionError {
  /** @param cause what writing threw */
  constructor(cause: unknown) {
    const { kind, message, detail } = toErrorReport(cause)
    super(kind, message, {
      ...(detail !== undefined && { detail }),
      hint: 'What was written before is kept. Free some space, or see to the permissions, and start the same command again.',
      cause,
    })
  }
}
