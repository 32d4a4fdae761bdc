import { BYTES_PER_ELEMENT, type FloatType } from '../../tensor/element-type'
import { FloatEncoder } from '../../tensor/float-encoder'
import { FP8, type WrittenType } from '../plan/export/output-types'
import { swappedOutput, type WriteBytes } from './transposition'

/** The largest number of float8_e4m3fn. */
const LARGEST_FP8 = 448

/** Where a merge puts the values of a tensor. */
export interface TensorOutput {
  /** The type in which it takes them. */
  type: FloatType
  write: WriteBytes
  /** Called when all values are written. */
  finish: () => void
}

/**
 * Takes the values of a whole tensor (or, where they go on as they come, of a run of it) and writes them as the output
 * has them: as they are, with the first two axes swapped, or as codes with a scale.
 *
 * @param shape of the values that come, where their axes are to be swapped; else null
 * @param count of the values
 */
export function tensorOutput(
  { elementType, scaled }: WrittenType,
  shape: readonly number[] | null,
  count: number,
  write: WriteBytes,
): TensorOutput {
  if (!scaled) {
    const type = elementType as FloatType
    return { type, ...swappedOutput(shape, type, write) }
  }
  const codes = scaledOutput(count, write)
  const upright = swappedOutput(shape, 'F32', codes.write)
  return {
    type: 'F32',
    write: upright.write,
    finish: () => {
      upright.finish()
      codes.finish()
    },
  }
}

/** Bytes of a tensor of `count` values in the output, its scale included. */
export function writtenBytes({ elementType, scaled }: WrittenType, count: number): number {
  return count * BYTES_PER_ELEMENT[elementType] + (scaled ? BYTES_PER_ELEMENT.F32 : 0)
}

/**
 * Collects float32 values and writes them as codes of fp8, then the scale in float32: the largest magnitude over 448, so
 * that value = code × scale and none is too large. (ComfyUI's QUANTIZATION.md: absolute maximum per tensor.)
 */
function scaledOutput(count: number, write: WriteBytes): { write: WriteBytes; finish: () => void } {
  const values = new Float32Array(count)
  const bytes = new Uint8Array(values.buffer)
  return {
    write: (at, part) => bytes.set(part, at),
    finish: () => {
      const scale = scaleOf(values)
      for (let at = 0; at < count; at++) values[at] = values[at]! / scale
      new FloatEncoder().encode(values, FP8, (at, codes) => write(at, codes))
      write(count, new Uint8Array(Float32Array.of(scale).buffer))
    },
  }
}

/** 1 for a tensor of zeros. */
function scaleOf(values: Float32Array): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return Math.fround(largest / LARGEST_FP8) || 1
}
