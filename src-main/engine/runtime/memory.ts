import { FusionError } from '../../contract/errors'
import type { TensorView } from '../checkpoint/model/checkpoint'
import { elementCount } from '../tensor/element-type'
import type { ProviderStatus } from './providers'

/** What the runtime needs besides weights and activations, and what estimates are off by. */
const MARGIN_BYTES = 200e6

/** Bytes of weights held in the compute type. */
export function weightBytes(tensors: Iterable<TensorView>, computeType: 'F32' | 'F16'): number {
  let elements = 0
  for (const { shape } of tensors) elements += elementCount(shape)
  return elements * (computeType === 'F32' ? 4 : 2)
}

/** Memory that this process may still take without pushing the machine into swapping. */
export function freeMemory(): number {
  return process.availableMemory()
}

/**
 * Refuses work before it starts, where it would not fit.
 * @param what the work, as the subject of a sentence: `The model`
 * @throws FusionError 'out-of-memory' with both numbers
 */
export function requireMemory(what: string, bytes: number, free = freeMemory()): void {
  const needed = bytes + MARGIN_BYTES
  if (needed <= free) return
  throw new FusionError(
    'out-of-memory',
    `${what} needs about ${gigabytes(needed)} of memory, and ${gigabytes(free)} are free.`,
    { hint: 'Close other programs, or choose a smaller model, picture or batch.' },
  )
}

/**
 * The same for what lies in the memory of the device that computes: the machine's own, or a graphics card's; what that
 * has in all, since it does not say what others hold of it. A card of unknown memory is given the benefit of the doubt.
 * @param loaded bytes of this program that the device holds already
 * @throws FusionError 'out-of-memory' with both numbers
 */
export function requireDeviceMemory(
  { provider, deviceName, deviceMemory }: ProviderStatus,
  what: string,
  bytes: number,
  loaded = 0,
): void {
  if (provider === 'cpu') return requireMemory(what, bytes)
  const needed = bytes + loaded + MARGIN_BYTES
  if (deviceMemory === undefined || needed <= deviceMemory) return
  throw new FusionError(
    'out-of-memory',
    `${what} needs about ${gigabytes(needed)} of graphics memory, and ${deviceName ?? provider} has ${gigabytes(deviceMemory)}.`,
    { hint: 'Choose a smaller model, picture or batch, or `--device cpu`.' },
  )
}

/** For messages: '7.9 GB'. */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}
