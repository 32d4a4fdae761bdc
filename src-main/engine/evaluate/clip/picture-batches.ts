import type { Picture as DrawnPicture } from '../../diffusion/pipeline'
import type { Picture } from '../../image/resample'

/** Pictures that run together: enough to keep a device busy, few enough that memory does not depend on their number. */
const BATCH = 4

/**
 * What a network says of pictures, in small batches.
 * @param size pixels along an edge of what it takes
 * @param preprocess gives [3, size, size] of a picture
 * @param run takes pixels [count, 3, size, size] and gives one result for each
 */
export async function inBatches<Result>(
  pictures: readonly Pick<DrawnPicture, 'width' | 'height' | 'pixels'>[],
  size: number,
  preprocess: (picture: Picture) => Float32Array,
  run: (pixels: Float32Array, count: number) => Promise<readonly Result[]>,
): Promise<Result[]> {
  const results: Result[] = []
  const length = 3 * size * size
  for (let start = 0; start < pictures.length; start += BATCH) {
    const batch = pictures.slice(start, start + BATCH)
    const pixels = new Float32Array(batch.length * length)
    batch.forEach(({ width, height, pixels: data }, index) =>
      pixels.set(preprocess({ width, height, channels: 3, data }), index * length),
    )
    results.push(...(await run(pixels, batch.length)))
  }
  return results
}
