import { FusionError } from '../../contract/errors'
import { requirePixels } from './png-size'

/** A block of 8 × 8 pixels takes at least one bit, and a decoder takes memory for all of them before it reads any. */
const MOST_PIXELS_PER_BYTE = 64 * 8
/** Progressive pictures have about ten. Every scan goes over the whole picture, and may take a few bytes only. */
const MOST_SCANS = 100

const START_OF_SCAN = 0xda
/** Markers of a frame with its size, but tables (C4, C8, CC). */
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)

/**
 * Refuses a JPEG whose headers ask for more memory or time than its data can need.
 * @throws FusionError 'malformed', 'unsupported' (too large)
 */
export function checkJpegSize(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let scans = 0
  for (let at = nextMarker(bytes, 2); at + 10 < bytes.length;) {
    const marker = bytes[at + 1]!
    const segmentEnd = at + 2 + view.getUint16(at + 2)
    if (isFrame(marker)) {
      const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)]
      requirePixels(width, height)
      if (width * height > bytes.length * MOST_PIXELS_PER_BYTE)
        throw malformed(`${width} × ${height} pixels do not fit into ${bytes.length} bytes.`)
    }
    if (marker === START_OF_SCAN && ++scans > MOST_SCANS) throw malformed(`It has more than ${MOST_SCANS} scans.`)
    at = nextMarker(bytes, segmentEnd)
  }
}

/** The next marker with a segment from a place on; compressed data, in which 0 or a restart follows its first byte, are passed over. */
function nextMarker(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const code = bytes[at + 1] ?? 0
    if (code !== 0 && code !== 0xff && !(code >= 0xd0 && code <= 0xd9)) return at
  }
  return bytes.length
}

function malformed(detail: string): FusionError {
  return new FusionError('malformed', 'The JPEG file does not contain the picture that its header describes.', {
    detail,
  })
}
