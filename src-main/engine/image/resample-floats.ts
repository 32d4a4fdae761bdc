import { FILTERS, resampleHeight, resampleWidth, resampleWindows, type Pixels } from './resample-windows'

/**
 * Bicubic with antialiasing on real numbers, as PyTorch's `interpolate(…, antialias=True)` has it: Pillow's windows, and
 * nothing is rounded or cut off: values may leave the range of the picture's.
 */
export function resizeFloats(picture: Pixels<Float32Array>, width: number, height: number): Pixels<Float32Array> {
  const { width: columns, height: rows, channels } = picture
  const across = new Float32Array(width * rows * channels)
  const narrow = resampleWidth(picture, resampleWindows(columns, width, FILTERS.bicubic), across, weighted)
  const down = new Float32Array(width * height * channels)
  return resampleHeight(narrow, resampleWindows(rows, height, FILTERS.bicubic), down, weighted)
}

function weighted(data: Float32Array, start: number, stride: number, weights: Float64Array): number {
  let sum = 0
  for (let k = 0; k < weights.length; k++) sum += data[start + k * stride]! * weights[k]!
  return sum
}
