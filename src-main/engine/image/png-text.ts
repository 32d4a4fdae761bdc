import { crc32, inflateSync } from 'node:zlib'
import { FusionError } from '../../contract/errors'

export const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
/** Keyword and text, as the PNG specification names them, of the program that wrote a picture. */
export const SOFTWARE = ['Software', 'FeatureFusion Studio'] as const
/** Signature and IHDR, the first chunk, whose size is fixed. */
const HEADER_SIZE = 33
/** Deflate cannot pack more than this many bytes into one. */
const MOST_DEFLATE_RATIO = 1032
/** More text than this in a picture's compressed chunks, together, is no generation record. */
const MOST_TEXT = 4 << 20

export interface Chunk {
  type: string
  data: Uint8Array
}

/**
 * The PNG with a text chunk after its header: tEXt where the text is Latin-1, else iTXt in UTF-8, as Pillow writes it.
 * @throws FusionError 'malformed' if `png` is no PNG
 */
export function withPngText(png: Uint8Array, keyword: string, text: string): Uint8Array {
  checkSignature(png)
  const isLatin1 = [...text].every((character) => character > '\0' && character <= 'ÿ')
  const chunk = isLatin1
    ? makeChunk('tEXt', Buffer.concat([latin1(keyword), Uint8Array.of(0), latin1(text)]))
    : makeChunk('iTXt', Buffer.concat([latin1(keyword), new Uint8Array(5), Buffer.from(text, 'utf8')]))
  return Buffer.concat([png.subarray(0, HEADER_SIZE), chunk, png.subarray(HEADER_SIZE)])
}

/**
 * The text of a PNG by keyword (tEXt, zTXt, iTXt), the first of each. A broken chunk ends the reading, quietly: what came
 * before it counts.
 * @throws FusionError 'malformed' if `png` is no PNG
 */
export function readPngText(png: Uint8Array): Map<string, string> {
  const texts = new Map<string, string>()
  const unpacker = new Unpacker()
  for (const { type, data } of pngChunks(png)) {
    const entry = textOf(type, data, unpacker)
    if (entry && !texts.has(entry[0])) texts.set(...entry)
  }
  return texts
}

/** The chunks of a PNG as far as they are whole. @throws FusionError 'malformed' if `png` is no PNG */
export function* pngChunks(png: Uint8Array): Generator<Chunk> {
  checkSignature(png)
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength)
  let offset = SIGNATURE.length
  while (offset + 12 <= png.length) {
    const length = view.getUint32(offset)
    if (offset + 12 + length > png.length) return
    const type = String.fromCharCode(...png.subarray(offset + 4, offset + 8))
    yield { type, data: png.subarray(offset + 8, offset + 8 + length) }
    if (type === 'IEND') return
    offset += 12 + length
  }
}

function textOf(type: string, data: Uint8Array, unpacker: Unpacker): [keyword: string, text: string] | undefined {
  if (type !== 'tEXt' && type !== 'zTXt' && type !== 'iTXt') return undefined
  const end = data.indexOf(0)
  if (end < 1) return undefined
  const keyword = Buffer.from(data.subarray(0, end)).toString('latin1')
  if (type === 'tEXt') return [keyword, Buffer.from(data.subarray(end + 1)).toString('latin1')]
  if (type === 'zTXt') return entryOf(keyword, unpacker.unpack(data.subarray(end + 2))?.toString('latin1'))
  const compressed = data[end + 1] === 1
  const languageEnd = data.indexOf(0, end + 3)
  const translatedEnd = languageEnd < 0 ? -1 : data.indexOf(0, languageEnd + 1)
  if (translatedEnd < 0) return undefined
  const body = data.subarray(translatedEnd + 1)
  return entryOf(keyword, (compressed ? unpacker.unpack(body) : Buffer.from(body))?.toString('utf8'))
}

function entryOf(keyword: string, text: string | undefined): [string, string] | undefined {
  return text === undefined ? undefined : [keyword, text]
}

/** Unpacks the compressed chunks of one picture: thousands of them, each small, would be as bad as a large one. */
class Unpacker {
  private left = MOST_TEXT

  unpack(data: Uint8Array): Buffer | undefined {
    if (this.left < 1) return undefined
    try {
      const unpacked = inflateSync(data, { maxOutputLength: this.left })
      this.left -= unpacked.length
      return unpacked
    } catch (error) {
      // A broken one costs what it was unpacked to, at most.
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') this.left = 0
      else this.left -= Math.min(this.left, data.length * MOST_DEFLATE_RATIO)
      return undefined
    }
  }
}

export function makeChunk(type: string, data: Uint8Array): Buffer {
  const chunk = Buffer.alloc(data.length + 12)
  chunk.writeUInt32BE(data.length, 0)
  chunk.write(type, 4, 'latin1')
  chunk.set(data, 8)
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length)
  return chunk
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

function checkSignature(png: Uint8Array): void {
  if (png.length >= HEADER_SIZE && SIGNATURE.every((byte, i) => png[i] === byte)) return
  throw new FusionError('malformed', 'This is not a PNG file.')
}
