import { FusionError } from '../../contract/errors'

/** An 8-bit picture, rows of interleaved channels. */
export interface Picture {
  width: number
  height: number
  channels: number
  data: Uint8Array
}

/** Fixed-point digits of Pillow's weights: 32 bits less a pixel's 8 and 2 for sums beyond its range. */
const PRECISION_BITS = 22
const BICUBIC_A = -0.5

/** A filter: how far it reaches, in pixels, and its value at a distance. */
interface Filter {
  support: number
  value(x: number): number
}

/** Pillow's filters that average. */
const FILTERS = {
  lanczos: { support: 3, value: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
  bilinear: { support: 1, value: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, value: bicubic },
  box: { support: 0.5, value: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  hamming: { support: 1, value: hamming },
} satisfies Record<string, Filter>
export type FilterName = keyof typeof FILTERS | 'nearest'

/** Longest edge that a resized picture may have for each edge of a crop: thinner pictures say nothing. */
const MOST_ASPECT = 1000

/** Which input places make one output place, and how much of each. */
interface Window {
  first: number
  weights: Int32Array
}

/**
 * Pillow's `Image.resize(…)`: the filter widens with the reduction (antialiasing), weights are integers, and
 * each of the two passes rounds to bytes. Same bytes as Pillow 13, which works down before across where that takes away
 * more than twice as many rows as columns (found by comparing; earlier releases always work across first).
 */
export function resize(picture: Picture, width: number, height: number, name: FilterName): Picture {
  if (name === 'nearest') return nearest(picture, width, height)
  const filter = FILTERS[name]
  const rowsLess = picture.height - height
  const downFirst = rowsLess > 0 && rowsLess > 2 * (picture.width - width)
  return downFirst
    ? resizeWidth(resizeHeight(picture, height, filter), width, filter)
    : resizeHeight(resizeWidth(picture, width, filter), height, filter)
}

/** The same with Pillow's BICUBIC. */
export function resizeBicubic(picture: Picture, width: number, height: number): Picture {
  return resize(picture, width, height, 'bicubic')
}

/**
 * The middle of a picture as a square, as CLIPImageProcessor and torchvision cut it: the shortest edge to `size`
 * (resizeBicubic), then the middle `size` × `size`.
 * @throws FusionError 'validation' for a picture that is empty, or not 3 channels, or over 1000 times longer than wide
 */
export function coverSquare(picture: Picture, size: number): Picture {
  return cropMiddle(resizeShortest(picture, size, 'bicubic'), size)
}

/**
 * A picture whose shortest edge is `size`.
 * @throws FusionError 'validation' for a picture that is empty, or not 3 channels, or over 1000 times longer than wide
 */
export function resizeShortest(picture: Picture, size: number, filter: FilterName): Picture {
  const { width, height, channels, data } = picture
  const [short, long] = width <= height ? [width, height] : [height, width]
  const fits = channels === 3 && data.length === width * height * channels
  if (short < 1 || !fits || long > short * MOST_ASPECT)
    throw new FusionError(
      'validation',
      `A picture of ${width}×${height} with ${channels} channels cannot be cut to a square.`,
      { hint: 'Use an RGB picture that is not thinner than one pixel in a thousand.' },
    )
  const longEdge = Math.trunc((size * long) / short)
  return width <= height ? resize(picture, size, longEdge, filter) : resize(picture, longEdge, size, filter)
}

/** The middle `size` × `size` of a picture; black where it is smaller. */
export function cropMiddle(picture: Picture, size: number): Picture {
  const left = Math.floor((picture.width - size) / 2)
  const top = Math.floor((picture.height - size) / 2)
  const square = new Uint8Array(size * size * 3)
  const [from, to] = [Math.max(0, left), Math.min(picture.width, left + size)]
  for (let y = Math.max(0, -top); y < size && top + y < picture.height; y++) {
    const row = (top + y) * picture.width
    square.set(picture.data.subarray((row + from) * 3, (row + to) * 3), (y * size + from - left) * 3)
  }
  return { width: size, height: size, channels: 3, data: square }
}

function nearest(picture: Picture, width: number, height: number): Picture {
  const { width: columns, height: rows, channels, data } = picture
  const out = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * rows) / height) * columns
    for (let x = 0; x < width; x++) {
      const from = (row + Math.floor(((x + 0.5) * columns) / width)) * channels
      out.set(data.subarray(from, from + channels), (y * width + x) * channels)
    }
  }
  return { width, height, channels, data: out }
}

function resizeWidth(picture: Picture, width: number, filter: Filter): Picture {
  const { width: from, height, channels, data } = picture
  if (width === from) return picture
  const windows = windowsOf(from, width, filter)
  const out = new Uint8Array(width * height * channels)
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

function resizeHeight(picture: Picture, height: number, filter: Filter): Picture {
  const { width, height: from, channels, data } = picture
  if (height === from) return picture
  const windows = windowsOf(from, height, filter)
  const stride = width * channels
  const out = new Uint8Array(stride * height)
  for (let y = 0; y < height; y++) {
    const { first, weights } = windows[y]!
    for (let i = 0; i < stride; i++) out[y * stride + i] = weighted(data, first * stride + i, stride, weights)
  }
  return { width, height, channels, data: out }
}

function weighted(data: Uint8Array, start: number, stride: number, weights: Int32Array): number {
  let sum = 1 << (PRECISION_BITS - 1)
  for (let k = 0; k < weights.length; k++) sum += data[start + k * stride]! * weights[k]!
  return Math.min(255, Math.max(0, sum >> PRECISION_BITS))
}

function windowsOf(from: number, to: number, filter: Filter): Window[] {
  const scale = from / to
  const widened = Math.max(1, scale)
  const support = filter.support * widened
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale
    const first = Math.max(0, Math.trunc(centre - support + 0.5))
    const end = Math.min(from, Math.trunc(centre + support + 0.5))
    const raw = Array.from({ length: end - first }, (_, k) => filter.value((k + first - centre + 0.5) * (1 / widened)))
    const total = raw.reduce((sum, weight) => sum + weight, 0)
    const weights = Int32Array.from(raw, (weight) => {
      const fixed = (total === 0 ? weight : weight / total) * (1 << PRECISION_BITS)
      return Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
    })
    return { first, weights }
  })
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
