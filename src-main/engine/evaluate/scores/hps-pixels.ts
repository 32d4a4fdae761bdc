import { FusionError } from '../../../contract/errors'
import { normalisedPixels, type ClipPreprocessing } from '../../diffusion/clip-image'
import type { Picture } from '../../image/resample'
import { resizeToFloats } from '../../image/resample-floats'
import { roundHalfToEven } from './image-reward-pixels'

/**
 * What HPS sees of a picture, as its open_clip does it: real numbers 0…1, the longest edge to `size` by bicubic with
 * antialiasing (nothing is rounded or cut off), black around it, less mean, by deviation. A picture whose longest edge
 * is `size` already gets its black as well, where the original fails.
 * @returns pixel values [3, size, size], float32
 * @throws FusionError 'validation' for a picture that is empty or not 3 channels
 */
export function preprocessForHps(
  { width, height, channels, data }: Picture,
  size: number,
  { means, deviations }: Pick<ClipPreprocessing, 'means' | 'deviations'>,
): Float32Array {
  if (width < 1 || height < 1 || channels !== 3 || data.length !== width * height * channels)
    throw new FusionError('validation', `A picture of ${width}×${height} with ${channels} channels cannot be scored.`, {
      hint: 'Use an RGB picture.',
    })
  const scale = size / Math.max(width, height)
  const [columns, rows] = [width, height].map((edge) => Math.max(1, roundHalfToEven(edge * scale))) as [number, number]
  const resized = resizeToFloats({ width, height, channels, data }, columns, rows)
  const square = new Float32Array(size * size * 3)
  // Of odd borders the larger half lies right and below.
  const [left, top] = [Math.floor((size - columns) / 2), Math.floor((size - rows) / 2)]
  for (let y = 0; y < rows; y++)
    square.set(resized.data.subarray(y * columns * 3, (y + 1) * columns * 3), ((top + y) * size + left) * 3)
  return normalisedPixels(square, size, { scale: 1, means, deviations })
}
