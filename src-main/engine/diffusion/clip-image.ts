import { FusionError } from '../../contract/errors'
import { resizeBicubic, type Picture } from './resample'

/** Mean and deviation of CLIP's training pictures, per channel. */
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073] as const
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711] as const
/** Longest edge that a resized picture may have for each edge of the crop: thinner pictures say nothing. */
const MOST_ASPECT = 1000

const { fround } = Math

/**
 * What CLIP's vision model sees of a picture, as CLIPImageProcessorPil does it: the shortest edge to `size` (bicubic,
 * Pillow's bytes), the middle `size` × `size`, 0…1, less mean, by deviation.
 * @returns pixel values [3, size, size], float32
 * @throws FusionError 'validation' for a picture that is empty, or not 3 channels, or over 1000 times longer than wide
 */
export function preprocessForClip(picture: Picture, size = 224): Float32Array {
  const { width, height, channels, data } = picture
  const [short, long] = width <= height ? [width, height] : [height, width]
  const fits = channels === 3 && data.length === width * height * channels
  if (short < 1 || !fits || long > short * MOST_ASPECT) {
    throw new FusionError('validation', `A picture of ${width}×${height} with ${channels} channels cannot be scored.`, {
      hint: 'Use an RGB picture that is not thinner than one pixel in a thousand.',
    })
  }
  const longEdge = Math.trunc((size * long) / short)
  const resized = width <= height ? resizeBicubic(picture, size, longEdge) : resizeBicubic(picture, longEdge, size)
  const left = Math.floor((resized.width - size) / 2)
  const top = Math.floor((resized.height - size) / 2)
  const values = new Float32Array(3 * size * size)
  for (let channel = 0; channel < 3; channel++) {
    const [mean, deviation] = [fround(CLIP_MEAN[channel]!), fround(CLIP_STD[channel]!)]
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const byte = resized.data[((top + y) * resized.width + left + x) * 3 + channel]!
        values[(channel * size + y) * size + x] = fround(fround(byte * (1 / 255)) - mean) / deviation
      }
    }
  }
  return values
}
