import type { Picture } from './resample'
import { FILTERS, resampleHeight, resampleWidth, resampleWindows, type Pixels } from './resample-windows'

const WHITE = 255

/**
 * Bicubic with antialiasing on real numbers 0…1, as PyTorch's `interpolate(…, antialias=True)` has it: Pillow's windows,
 * and nothing is rounded or cut off: values may leave the range.
 */
export function resizeToFloats(picture: Picture, width: number, height: number): Pixels<Float32Array> {
  const { width: columns, height: rows, channels } = picture
  const across = new Float32Array(width * rows * channels)
  const narrow = resampleWidth(picture, resampleWindows(columns, width, FILTERS.bicubic), across, weightedBytes)
  const down = new Float32Array(width * height * channels)
  return resampleHeight(narrow, resampleWindows(rows, height, FILTERS.bicubic), down, weighted)
}

function weightedBytes(data: Uint8Array, start: number, stride: number, weights: Float64Array): number {
  let sum = 0
  for (let k = 0; k < weights.length; k++) sum += data[start + k * stride]! * weights[k]!
  return sum / WHITE
}

function weighted(data: Float32Array, start: number, stride: number, weights: Float64Array): number {
  let sum = 0
  for (let k = 0; k < weights.length; k++) sum += data[start + k * stride]! * weights[k]!
  return sum
}
