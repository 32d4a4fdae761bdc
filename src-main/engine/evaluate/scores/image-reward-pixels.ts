import { normalisedPixels, publishedPreprocessing } from '../../diffusion/clip-image'
import { cropMiddle, resizeShortest, type Picture } from '../../image/resample'

/**
 * What ImageReward sees of a picture, as torchvision does it on a PIL picture: shortest edge by Pillow's bicubic, the
 * middle, CLIP's means and deviations.
 * @returns pixel values [3, size, size], float32
 * @throws FusionError 'validation' for a picture that is empty, or not 3 channels, or over 1000 times longer than wide
 */
export function preprocessForImageReward(picture: Picture, size: number): Float32Array {
  const square = cropMiddle(resizeShortest(picture, size, 'bicubic'), size, roundHalfToEven)
  return normalisedPixels(square.data, size, publishedPreprocessing(size))
}

/** Python's round: of two equally near whole numbers the even one. */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value)
  if (value - below === 0.5) return below % 2 === 0 ? below : below + 1
  return Math.round(value)
}
