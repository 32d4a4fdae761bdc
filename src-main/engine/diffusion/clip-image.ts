import { coverSquare, type Picture } from './resample'

/** Mean and deviation of CLIP's training pictures, per channel. */
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073] as const
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711] as const

const { fround } = Math

/**
 * What CLIP's vision model sees of a picture, as CLIPImageProcessorPil does it: the shortest edge to `size` (bicubic,
 * Pillow's bytes), the middle `size` × `size`, 0…1, less mean, by deviation.
 * @returns pixel values [3, size, size], float32
 * @throws FusionError 'validation' for a picture that is empty, or not 3 channels, or over 1000 times longer than wide
 */
export function preprocessForClip(picture: Picture, size = 224): Float32Array {
  const { data } = coverSquare(picture, size)
  const values = new Float32Array(3 * size * size)
  for (let channel = 0; channel < 3; channel++) {
    const [mean, deviation] = [fround(CLIP_MEAN[channel]!), fround(CLIP_STD[channel]!)]
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const byte = data[(y * size + x) * 3 + channel]!
        values[(channel * size + y) * size + x] = fround(fround(byte * (1 / 255)) - mean) / deviation
      }
    }
  }
  return values
}
