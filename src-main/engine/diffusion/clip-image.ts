import { join } from 'node:path'
import { FusionError } from '../../contract/errors'
import { MOST_EDGE } from '../architecture/config-reader'
import { readJsonObjectSync } from '../files/reading/json-object'
import { requireOwn } from '../files/reading/links'
import { isThere } from '../files/reading/regular-file'
import { cropMiddle, resize, resizeShortest, type Picture } from '../image/resample'
import type { FilterName } from '../image/resample-windows'

/** What is done to a picture before CLIP's vision model sees it (preprocessor_config.json). */
export interface ClipPreprocessing {
  /** The shortest edge, or both edges where the picture is not kept in proportion; null: not resized. */
  edge: number | { width: number; height: number } | null
  filter: FilterName
  /** What values of pixels are multiplied with. */
  scale: number
  means: readonly number[]
  deviations: readonly number[]
}

/** Pillow's numbers of its filters. */
const PILLOW_FILTERS: Readonly<Record<number, FilterName>> = {
  0: 'nearest',
  1: 'lanczos',
  2: 'bilinear',
  3: 'bicubic',
  4: 'box',
  5: 'hamming',
}

const { fround } = Math

/** As CLIP was published. @param size pixels along each edge of what the model takes */
export function publishedPreprocessing(size: number): ClipPreprocessing {
  return {
    edge: size,
    filter: 'bicubic',
    scale: 1 / 255,
    means: [0.48145466, 0.4578275, 0.40821073],
    deviations: [0.26862954, 0.26130258, 0.27577711],
  }
}

/**
 * What a CLIP model's preprocessor_config.json says, as CLIPImageProcessor reads it.
 * @param size pixels along each edge of what the model takes
 * @throws FusionError 'malformed' for values of another kind, 'unsupported' for a filter or crop that cannot be
 */
export function readClipPreprocessing(folder: string, size: number): ClipPreprocessing {
  const path = join(folder, 'preprocessor_config.json')
  const published = publishedPreprocessing(size)
  if (!isThere(path)) return published
  requireOwn(path, folder, 'read')
  const config = readJsonObjectSync(path)
  const is = (key: string): boolean => config[key] !== false
  const crop = edgeOf(path, 'crop_size', config['crop_size'] ?? size)
  const cropped = typeof crop === 'number' ? { width: crop, height: crop } : crop
  if (is('do_center_crop') && (cropped.width !== size || cropped.height !== size))
    throw new FusionError(
      'unsupported',
      `${path} crops pictures to ${cropped.width}×${cropped.height}; the model takes ${size}×${size}.`,
    )
  const filter = PILLOW_FILTERS[Number(config['resample'] ?? 3)]
  if (!filter)
    throw new FusionError('unsupported', `${path}: resample ${JSON.stringify(config['resample'])} is not supported.`)
  const normalises = is('do_normalize')
  return {
    edge: is('do_resize') ? edgeOf(path, 'size', config['size'] ?? size) : null,
    filter,
    scale: is('do_rescale') ? Number(config['rescale_factor'] ?? published.scale) : 1,
    means: normalises ? channels(path, 'image_mean', config['image_mean'] ?? published.means) : [0, 0, 0],
    deviations: normalises ? channels(path, 'image_std', config['image_std'] ?? published.deviations) : [1, 1, 1],
  }
}

/**
 * What CLIP's vision model sees of a picture, as CLIPImageProcessorPil does it: resized (Pillow's bytes), the middle
 * `size` × `size`, 0…1, less mean, by deviation.
 * @returns pixel values [3, size, size], float32
 * @throws FusionError 'validation' for a picture that is empty, or not 3 channels, or over 1000 times longer than wide
 */
export function preprocessForClip(
  picture: Picture,
  size = 224,
  { edge, filter, scale, means, deviations }: ClipPreprocessing = publishedPreprocessing(size),
): Float32Array {
  const resized =
    edge === null
      ? picture
      : typeof edge === 'number'
        ? resizeShortest(picture, edge, filter)
        : resize(picture, edge.width, edge.height, filter)
  return normalisedPixels(cropMiddle(resized, size).data, size, { scale, means, deviations })
}

/**
 * A square picture as a network takes it: scaled, less mean, by deviation.
 * @param data rows of interleaved channels, `size` × `size` × 3
 * @returns [3, size, size], float32
 */
export function normalisedPixels(
  data: Uint8Array | Float32Array,
  size: number,
  { scale, means, deviations }: Pick<ClipPreprocessing, 'scale' | 'means' | 'deviations'>,
): Float32Array {
  const values = new Float32Array(3 * size * size)
  for (let channel = 0; channel < 3; channel++) {
    const [mean, deviation] = [fround(means[channel]!), fround(deviations[channel]!)]
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const value = data[(y * size + x) * 3 + channel]!
        values[(channel * size + y) * size + x] = fround(fround(value * scale) - mean) / deviation
      }
    }
  }
  return values
}

/** `224`, `{shortest_edge: 224}` or `{height, width}`. */
function edgeOf(path: string, key: string, value: unknown): number | { width: number; height: number } {
  if (isEdge(value)) return value
  const { shortest_edge: shortest, height, width } = (value ?? {}) as Record<string, unknown>
  if (isEdge(shortest)) return shortest
  if (isEdge(height) && isEdge(width)) return { width, height }
  throw malformed(path, key, value)
}

function isEdge(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= MOST_EDGE
}

function channels(path: string, key: string, value: unknown): readonly number[] {
  if (Array.isArray(value) && value.length === 3 && value.every((item): item is number => Number.isFinite(item)))
    return value
  throw malformed(path, key, value)
}

function malformed(path: string, key: string, value: unknown): FusionError {
  return new FusionError('malformed', `${path} has ${key} = ${JSON.stringify(value)}.`, {
    hint: 'Get this file again, or remove it: then CLIP’s own values are used.',
  })
}
