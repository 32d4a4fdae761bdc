import { BYTES_PER_ELEMENT, elementCount, type ElementType } from '../../tensor/element-type'
import { swapFirstAxes } from '../../tensor/swap-axes'

/** Writes bytes of an output tensor from a byte offset inside that tensor on. */
export type WriteBytes = (at: number, bytes: Uint8Array) => void

/**
 * Where the bytes of a tensor go: on at once, or collected and passed on with the first two axes swapped.
 * @param shape of the bytes that come, where their axes are to be swapped; else null
 */
export function swappedOutput(
  shape: readonly number[] | null,
  elementType: ElementType,
  write: WriteBytes,
): { write: WriteBytes; finish: () => void } {
  if (!shape) return { write, finish: () => {} }
  const size = BYTES_PER_ELEMENT[elementType]
  const whole = new Uint8Array(elementCount(shape) * size)
  return {
    write: (at, bytes) => whole.set(bytes, at),
    finish: () => write(0, swapFirstAxes(whole, shape, size)),
  }
}
