import { decode } from 'jpeg-js'
import { FusionError } from '../../contract/errors'
import { decodePng } from './png'
import { MOST_PIXELS } from './png-size'
import { coverSquare, type Picture } from './resample'
import { checkJpegSize } from './jpeg-size'

/** What decoding a JPEG of MOST_PIXELS takes, without subsampling. */
const MOST_MEGABYTES = 2000

/** Kinds of pictures that people keep in such folders, by their extension. */
const EXTENSIONS = /\.(png|jpe?g|webp|avif|heic|gif|bmp|tiff?)$/i

/** Tag of the orientation in a picture's EXIF data. */
const ORIENTATION = 0x0112
const EXIF_ENTRY_BYTES = 12

/** Whether a file's name says that it is a picture, readable here or not. */
export function isPictureName(name: string): boolean {
  return EXTENSIONS.test(name)
}

/**
 * A PNG or JPEG file, by its first bytes whatever its name says, as a square of `edge` pixels (coverSquare); a JPEG
 * upright, as its EXIF data ask.
 * @param path for messages
 * @throws FusionError 'unsupported' (another kind of picture), 'malformed' (a damaged one), 'validation' (too thin); all
 *   name the file
 */
export function readSquare(bytes: Uint8Array, path: string, edge: number): Picture {
  return usable(path, () => coverSquare(decoded(bytes, path), edge))
}

/** The same as it is, RGB. @throws as readSquare */
export function decodePicture(bytes: Uint8Array, path: string): Picture {
  return usable(path, () => decoded(bytes, path))
}

function decoded(bytes: Uint8Array, path: string): Picture {
  const decoder = decoderOf(bytes)
  if (!decoder)
    throw new FusionError('unsupported', `${path} is neither PNG nor JPEG${kindInWords(bytes)}.`, {
      hint: 'Convert it to PNG or JPEG, or take it out of the folder.',
    })
  return decoder(bytes)
}

/** Names the picture where something is wrong with it. */
function usable(path: string, read: () => Picture): Picture {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof FusionError && cause.message.includes(path)) throw cause
    const kind = cause instanceof FusionError ? cause.kind : 'malformed'
    throw new FusionError(kind, `The picture ${path} cannot be used.`, {
      detail: cause instanceof Error ? cause.message : String(cause),
      hint: 'Save it again, or take it out of the folder.',
      cause,
    })
  }
}

function decoderOf(bytes: Uint8Array): ((bytes: Uint8Array) => Picture) | undefined {
  if (startsWith(bytes, [0x89, 0x50, 0x4e, 0x47])) return decodePng
  return startsWith(bytes, [0xff, 0xd8, 0xff]) ? decodeJpeg : undefined
}

function decodeJpeg(bytes: Uint8Array): Picture {
  checkJpegSize(bytes)
  const options = {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: MOST_PIXELS / 1e6,
    maxMemoryUsageInMB: MOST_MEGABYTES,
  } as const
  const { width, height, data, exifBuffer } = decode(bytes, options) as ReturnType<typeof decode> & {
    exifBuffer?: Uint8Array
  }
  const picture = { width, height, channels: 3, data: new Uint8Array(data.buffer, data.byteOffset, data.length) }
  // The library's buffer starts with the last of the two zeros after 'Exif'.
  return upright(picture, exifBuffer ? orientationOf(exifBuffer.subarray(1)) : 1)
}

/** The orientation that a TIFF header with its first directory tells, 1 … 8; 1 where it tells none. */
function orientationOf(tiff: Uint8Array): number {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength)
  const little = startsWith(tiff, [0x49, 0x49])
  const first = view.byteLength >= 8 ? view.getUint32(4, little) : view.byteLength
  if (first + 2 > view.byteLength) return 1
  const entries = view.getUint16(first, little)
  for (let entry = 0; entry < entries; entry++) {
    const at = first + 2 + entry * EXIF_ENTRY_BYTES
    if (at + EXIF_ENTRY_BYTES > view.byteLength) return 1
    if (view.getUint16(at, little) !== ORIENTATION) continue
    const value = view.getUint16(at + 8, little)
    return value >= 1 && value <= 8 ? value : 1
  }
  return 1
}

/** Undoes an EXIF orientation: 2 … 4 mirror, 5 … 8 swap the axes as well. */
function upright(picture: Picture, orientation: number): Picture {
  if (orientation === 1) return picture
  const { width, height, channels, data } = picture
  const swapped = orientation >= 5
  const fromRight = [2, 3, 7, 8].includes(orientation)
  const fromBottom = [3, 4, 6, 7].includes(orientation)
  const [outWidth, outHeight] = swapped ? [height, width] : [width, height]
  const out = new Uint8Array(data.length)
  for (let y = 0; y < outHeight; y++)
    for (let x = 0; x < outWidth; x++) {
      const [along, down] = swapped ? [y, x] : [x, y]
      const column = fromRight ? width - 1 - along : along
      const row = fromBottom ? height - 1 - down : down
      const from = (row * width + column) * channels
      for (let channel = 0; channel < channels; channel++)
        out[(y * outWidth + x) * channels + channel] = data[from + channel]!
    }
  return { width: outWidth, height: outHeight, channels, data: out }
}

function kindInWords(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes.subarray(0, 12))
  if (text.startsWith('RIFF') && text.endsWith('WEBP')) return ' but WebP'
  if (text.startsWith('GIF8')) return ' but GIF'
  if (text.startsWith('BM')) return ' but BMP'
  if (/^....ftyp/s.test(text)) return ' but AVIF or HEIC'
  return ''
}

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((value, i) => bytes[i] === value)
}
