import { preprocessForClip } from '../../../src-main/engine/diffusion/clip-image'
import { input, type GoldenCase } from '../golden-set'
import type { OpResult, OpRunner } from '../run-cases'

interface PreprocessParams {
  width: number
  height: number
  crop?: number
  output_region?: OutputRegion
}

/** Rows and columns that a case has of a large picture. */
export interface OutputRegion {
  rows: [number, number]
  columns: [number, number]
}

async function clipPreprocess(goldenCase: GoldenCase): Promise<OpResult> {
  const { width, height, crop, output_region: region } = goldenCase.params as unknown as PreprocessParams
  const size = crop ?? goldenCase.outputs['pixel_values']!.shape.at(-1)!
  const data = Uint8Array.from(input(goldenCase, 'image').values())
  const values = preprocessForClip({ width, height, channels: 3, data }, size)
  return { outputs: comparedPixels(values, size, region), arithmetic: 'float64' }
}

/** All pixel values, or of large pictures a region and the means of the channels. */
export function comparedPixels(
  values: Float32Array,
  size: number,
  region: OutputRegion | undefined,
): Record<string, ArrayLike<number>> {
  if (!region) return { pixel_values: values }
  const [[top, bottom], [left, right]] = [region.rows, region.columns]
  const rows = Array.from({ length: 3 }, (_, channel) =>
    Array.from({ length: bottom - top }, (_, row) => {
      const start = (channel * size + top + row) * size
      return [...values.subarray(start + left, start + right)]
    }),
  )
  const means = Array.from({ length: 3 }, (_, channel) => {
    const pixels = values.subarray(channel * size ** 2, (channel + 1) * size ** 2)
    return Math.fround(pairwiseSum(pixels) / pixels.length)
  })
  return { pixel_values_region: rows.flat(2), channel_mean: means }
}

/** numpy's float32 sum, whose rounding the exact golden of the means has. */
function pairwiseSum(values: Float32Array): number {
  const { fround } = Math
  if (values.length > 128) {
    const half = Math.floor(values.length / 2)
    const split = half - (half % 8)
    return fround(pairwiseSum(values.subarray(0, split)) + pairwiseSum(values.subarray(split)))
  }
  const lanes = new Float32Array(8)
  const whole = values.length - (values.length % 8)
  for (let i = 0; i < whole; i++) lanes[i % 8]! += values[i]!
  const [a, b, c, d] = [0, 2, 4, 6].map((i) => fround(lanes[i]! + lanes[i + 1]!))
  let sum = fround(fround(a! + b!) + fround(c! + d!))
  for (const value of values.subarray(whole)) sum = fround(sum + value)
  return sum
}

export const clipImageOps: Record<string, OpRunner> = { clip_preprocess: clipPreprocess }
