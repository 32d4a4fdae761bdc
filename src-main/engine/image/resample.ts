import { FusionError } from '../../contract/errors'
import {
  FILTERS,
  resampleHeight,
  resampleWidth,
  resampleWindows,
  type Filter,
  type FilterName,
  type Pixels,
  type Window,
} from './resample-windows'

/** An 8-bit picture, rows of interleaved channels. */
export type Picture = Pixels<Uint8Array>

/** Fixed-point digits of Pillow's weights: 32 bits less a pixel's 8 and 2 for sums beyond its range. */
const PRECISION_BITS = 22

/** Longest edge that a resized picture may have for each edge of a crop: thinner pictures say nothing. */
const MOST_ASPECT = 1000

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

/**
 * The middle `size` × `size` of a picture; black where it is smaller.
 * @param round what is done with half a pixel: transformers takes the pixel before, torchvision the even one
 */
export function cropMiddle(picture: Picture, size: number, round: (value: number) => number = Math.floor): Picture {
  const left = round((picture.width - size) / 2)
  const top = round((picture.height - size) / 2)
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
  if (width === picture.width) return picture
  const out = new Uint8Array(width * picture.height * picture.channels)
  return resampleWidth(picture, windowsOf(picture.width, width, filter), out, weighted)
}

function resizeHeight(picture: Picture, height: number, filter: Filter): Picture {
  if (height === picture.height) return picture
  const out = new Uint8Array(picture.width * height * picture.channels)
  return resampleHeight(picture, windowsOf(picture.height, height, filter), out, weighted)
}

function weighted(data: Uint8Array, start: number, stride: number, weights: Int32Array): number {
  let sum = 1 << (PRECISION_BITS - 1)
  for (let k = 0; k < weights.length; k++) sum += data[start + k * stride]! * weights[k]!
  return Math.min(255, Math.max(0, sum >> PRECISION_BITS))
}

/** Weights in fixed point, as Pillow takes them for bytes. */
function windowsOf(from: number, to: number, filter: Filter): Window<Int32Array>[] {
  return resampleWindows(from, to, filter).map(({ first, weights }) => ({
    first,
    weights: Int32Array.from(weights, (weight) => {
      const fixed = weight * (1 << PRECISION_BITS)
      return Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
    }),
  }))
}
