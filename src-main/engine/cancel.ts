import { FusionError } from '../contract/errors'

/** @throws FusionError 'cancelled' once the signal is aborted */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new FusionError('cancelled', 'Cancelled.')
}
