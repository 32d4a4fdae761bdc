import { FusionError } from '../contract/errors'

/** What stops work that nobody wants any more. */
export function cancellation(): FusionError {
  return new FusionError('cancelled', 'Cancelled.')
}

/** @throws FusionError 'cancelled' once the signal is aborted */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancellation()
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

/**
 * What work gives, or 'cancelled' as soon as the signal is aborted: the work is then not waited for. One signal serves
 * many pieces of work. Its listener is removed by hand: addEventListener's own option for it forgets some in Node 20 when
 * memory is short.
 * @throws FusionError 'cancelled'; whatever the work throws
 */
export async function orCancelled<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  throwIfCancelled(signal)
  if (!signal) return work()
  let cancel = (): void => {}
  const cancelled = new Promise<never>((_, reject) => {
    cancel = () => reject(cancellation())
  })
  signal.addEventListener('abort', cancel)
  try {
    return await Promise.race([work(), cancelled])
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}
