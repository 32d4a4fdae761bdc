import { FusionError } from '../contract/errors'

/** @throws FusionError 'cancelled' once the signal is aborted */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new FusionError('cancelled', 'Cancelled.')
}

export function isCancelled(error: unknown): boolean {
  return error instanceof FusionError && error.kind === 'cancelled'
}

/** Called by long work between its steps: lets messages in, a cancel among them. @throws FusionError 'cancelled' */
export type YieldOrCancel = () => Promise<void>

/**
 * Lets other events be handled, so that a message that cancels arrives, then throws if it did.
 * @throws FusionError 'cancelled'
 */
export async function yieldOrCancel(signal: AbortSignal | undefined): Promise<void> {
  await new Promise(setImmediate)
  throwIfCancelled(signal)
}
