/** A filter: how far it reaches, in pixels, and its value at a distance. */
export interface Filter {
  support: number
  value(x: number): number
}

const BICUBIC_A = -0.5

/** Pillow's filters that average. */
export const FILTERS = {
  lanczos: { support: 3, value: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
  bilinear: { support: 1, value: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, value: bicubic },
  box: { support: 0.5, value: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  hamming: { support: 1, value: hamming },
} satisfies Record<string, Filter>
export type FilterName = keyof typeof FILTERS | 'nearest'

/** Which input places make one output place, and how much of each. */
export interface Window<Weights = Float64Array> {
  first: number
  weights: Weights
}

/**
 * Pillow's windows along one axis: the filter widens with the reduction (antialiasing), and is cut at the border; weights
 * add up to one.
 */
export function resampleWindows(from: number, to: number, filter: Filter): Window[] {
  const scale = from / to
  const widened = Math.max(1, scale)
  const support = filter.support * widened
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale
    const first = Math.max(0, Math.trunc(centre - support + 0.5))
    const end = Math.min(from, Math.trunc(centre + support + 0.5))
    const raw = Array.from({ length: end - first }, (_, k) => filter.value((k + first - centre + 0.5) * (1 / widened)))
    const total = raw.reduce((sum, weight) => sum + weight, 0)
    return { first, weights: Float64Array.from(raw, (weight) => (total === 0 ? weight : weight / total)) }
  })
}

/** A picture of bytes or real numbers, rows of interleaved channels. */
export interface Pixels<Data> {
  width: number
  height: number
  channels: number
  data: Data
}

/** Sums what lies at `start`, `start + stride` … by a window's weights. */
export type WeightedSum<Data, Weights> = (data: Data, start: number, stride: number, weights: Weights) => number

/** One pass along the rows, into `out`. */
export function resampleWidth<Data, Result extends Uint8Array | Float32Array, Weights>(
  { width: from, height, channels, data }: Pixels<Data>,
  windows: readonly Window<Weights>[],
  out: Result,
  weighted: WeightedSum<Data, Weights>,
): Pixels<Result> {
  const width = windows.length
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const { first, weights } = windows[x]!
      for (let channel = 0; channel < channels; channel++) {
        const start = (y * from + first) * channels + channel
        out[(y * width + x) * channels + channel] = weighted(data, start, channels, weights)
      }
    }
  }
  return { width, height, channels, data: out }
}

/** One pass along the columns, into `out`. */
export function resampleHeight<Data, Result extends Uint8Array | Float32Array, Weights>(
  { width, channels, data }: Pixels<Data>,
  windows: readonly Window<Weights>[],
  out: Result,
  weighted: WeightedSum<Data, Weights>,
): Pixels<Result> {
  const stride = width * channels
  windows.forEach(({ first, weights }, y) => {
    for (let i = 0; i < stride; i++) out[y * stride + i] = weighted(data, first * stride + i, stride, weights)
  })
  return { width, height: windows.length, channels, data: out }
}

function bicubic(x: number): number {
  const distance = Math.abs(x)
  if (distance < 1) return ((BICUBIC_A + 2) * distance - (BICUBIC_A + 3)) * distance * distance + 1
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * BICUBIC_A
  return 0
}

function hamming(x: number): number {
  const distance = Math.abs(x)
  if (distance === 0) return 1
  return distance >= 1
    ? 0
    : (Math.sin(distance * Math.PI) / (distance * Math.PI)) * (0.54 + 0.46 * Math.cos(distance * Math.PI))
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI)
}
