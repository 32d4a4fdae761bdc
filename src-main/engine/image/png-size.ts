import { inflateSync } from 'node:zlib'
import { FusionError } from '../../contract/errors'
import { makeChunk, pngChunks, SIGNATURE } from './png-text'

/** More than any camera's picture (61 million) has; as many 8-bit pixels with transparency are 256 MB. */
export const MOST_PIXELS = 64e6
const MOST_BYTES = 4 * MOST_PIXELS

/** Samples of a pixel, by the header's colour type. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
/** First row and column, and distance of rows and columns, of Adam7's passes. */
const PASSES = [
  [0, 0, 8, 8],
  [0, 4, 8, 8],
  [4, 0, 8, 4],
  [0, 2, 4, 4],
  [2, 0, 4, 2],
  [0, 1, 2, 2],
  [1, 0, 2, 1],
] as const
/** What pixels are made of. All else, of which some is compressed too (iCCP), is not decoded. */
const PIXEL_CHUNKS = ['PLTE', 'tRNS', 'IDAT', 'IEND']

/** A picture of so many pixels is not decoded. @throws FusionError 'unsupported' */
export function requirePixels(width: number, height: number): void {
  if (width * height <= MOST_PIXELS) return
  throw new FusionError('unsupported', `The picture has ${width} × ${height} pixels, more than can be used.`, {
    hint: `Make it smaller: at most ${MOST_PIXELS / 1e6} million pixels are read.`,
  })
}

/**
 * The PNG with nothing in it but its pixels, once it is known that they unpack to what the header says: a file of 1.5 MB
 * can unpack to 1.5 GB.
 * @throws FusionError 'malformed', 'unsupported' (too large)
 */
export function pixelsOnly(png: Uint8Array): Uint8Array {
  const [header, ...chunks] = [...pngChunks(png)]
  if (header?.type !== 'IHDR' || header.data.length !== 13) throw malformed('It does not begin with its header.')
  const expected = unpackedBytes(header.data)
  const kept = chunks.filter(({ type }) => PIXEL_CHUNKS.includes(type))
  const packed = Buffer.concat(kept.flatMap(({ type, data }) => (type === 'IDAT' ? [data] : [])))
  let length: number
  try {
    length = inflateSync(packed, { maxOutputLength: expected }).length
  } catch (cause) {
    const isTooLong = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    throw malformed(isTooLong ? 'It is larger, unpacked, than its header says.' : String(cause), cause)
  }
  if (length < expected) throw malformed('It does not contain the picture that its header describes.')
  return Buffer.concat([SIGNATURE, ...[header, ...kept].map(({ type, data }) => makeChunk(type, data))])
}

/** Bytes of all rows, each with the byte that names its filter. */
function unpackedBytes(header: Uint8Array): number {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  const [depth, colourType, , , interlace] = header.subarray(8) as unknown as [number, number, number, number, number]
  requirePixels(width, height)
  const bits = depth * (SAMPLES[colourType] ?? 0)
  if (width < 1 || height < 1 || bits < 1) throw malformed('Its header describes no picture.')
  const rows = (columns: number, count: number): number =>
    columns < 1 || count < 1 ? 0 : count * (1 + Math.ceil((columns * bits) / 8))
  const bytes =
    interlace === 0
      ? rows(width, height)
      : PASSES.reduce(
          (sum, [row, column, down, across]) =>
            sum + rows(Math.ceil((width - column) / across), Math.ceil((height - row) / down)),
          0,
        )
  if (bytes <= MOST_BYTES + height) return bytes
  throw new FusionError('unsupported', `The picture takes ${Math.round(bytes / 1e6)} MB, more than can be used.`, {
    hint: 'Make it smaller, or save it with 8 bits per channel.',
  })
}

function malformed(detail: string, cause?: unknown): FusionError {
  return new FusionError('malformed', 'The PNG file cannot be decoded.', { detail, cause })
}
