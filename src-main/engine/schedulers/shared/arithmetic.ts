/** A sample and its factor in a sum. */
export type Term = readonly [factor: number, values: Float32Array]

/** Σ factor · values, summed in float64 and rounded once. */
export function combine(...terms: readonly Term[]): Float32Array {
  const [first, ...others] = terms
  if (!first) throw new RangeError('combine needs a term')
  const sum = Float64Array.from(first[1], (value) => first[0] * value)
  for (const [factor, values] of others) {
    for (let i = 0; i < sum.length; i++) sum[i]! += factor * values[i]!
  }
  return Float32Array.from(sum)
}

/** The terms, all times `factor`. */
export function scaled(factor: number, terms: readonly Term[]): Term[] {
  return terms.map(([own, values]) => [factor * own, values])
}

/** factor · (a − b), as terms of a sum. */
export function difference(factor: number, a: Float32Array, b: Float32Array): Term[] {
  return [
    [factor, a],
    [-factor, b],
  ]
}

export interface ClipConfig {
  clip_sample?: boolean
  clip_sample_range?: number
  thresholding?: boolean
  dynamic_thresholding_ratio?: number
  sample_max_value?: number
}

/** A predicted clean sample, limited as the config asks: dynamic thresholding (Imagen, section 2.3), else clipping. */
export function limited(sample: Float32Array, config: ClipConfig, batchSize = 1): Float32Array {
  const { clip_sample_range: range = 1, dynamic_thresholding_ratio: ratio = 0.995, sample_max_value: most = 1 } = config
  if (config.thresholding) return thresholded(sample, ratio, most, batchSize)
  return config.clip_sample ? sample.map((x) => Math.min(range, Math.max(-range, x))) : sample
}

function thresholded(sample: Float32Array, ratio: number, most: number, batchSize: number): Float32Array {
  const size = sample.length / batchSize
  const result = new Float32Array(sample.length)
  for (let start = 0; start < sample.length; start += size) {
    const image = sample.subarray(start, start + size)
    const limit = Math.min(most, Math.max(1, quantile(image.map(Math.abs).sort(), ratio)))
    result.set(
      image.map((x) => Math.min(limit, Math.max(-limit, x)) / limit),
      start,
    )
  }
  return result
}

function quantile(sorted: Float32Array, ratio: number): number {
  const position = ratio * (sorted.length - 1)
  const below = Math.floor(position)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below]! + (position - below) * (sorted[above]! - sorted[below]!)
}
