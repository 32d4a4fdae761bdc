import { convertIndexedToRgb, decode, encode } from 'fast-png'
import { FusionError } from '../../contract/errors'
import { formatParameters, parseParameters, type GenerationParameters } from './png-parameters'
import { pixelsOnly } from './png-size'
import { readPngText, SOFTWARE, withPngText } from './png-text'
import type { Picture } from './resample'

const KEYWORD = 'parameters'
/** The merge that drew a picture, in a form of this program's own. */
const MERGE_KEYWORD = 'featurefusion'

/** An RGB picture as a PNG of this program, with how it was made. @param merge by what merge, as text */
export function encodePng(picture: Picture, parameters?: GenerationParameters, merge?: string | null): Uint8Array {
  const png = encode(picture)
  const told = parameters ? withPngText(png, KEYWORD, formatParameters(parameters)) : png
  const traced = merge ? withPngText(told, MERGE_KEYWORD, merge) : told
  // The last one that is added stands first: there OWN_PNG_FILE looks for it.
  return withPngText(traced, ...SOFTWARE)
}

/** The text of the merge that drew a picture, if it says so. @throws FusionError 'malformed' if it is no PNG */
export function readMergeOfPng(png: Uint8Array): string | undefined {
  return readPngText(png).get(MERGE_KEYWORD)
}

/** How a picture was made, if it says so. @throws FusionError 'malformed' if it is no PNG */
export function readParameters(png: Uint8Array): GenerationParameters | undefined {
  const text = readPngText(png).get(KEYWORD)
  return text === undefined ? undefined : parseParameters(text)
}

/**
 * Any PNG's pixels as 8-bit RGB; transparency is dropped, as Pillow's convert('RGB') does.
 * @throws FusionError 'malformed' for a file that is no whole PNG, 'unsupported' for greys of under 8 bits and for more
 *   pixels than MOST_PIXELS
 */
export function decodePng(bytes: Uint8Array): Picture {
  const pixels = pixelsOnly(bytes)
  let png: ReturnType<typeof decode>
  try {
    png = decode(pixels)
  } catch (cause) {
    throw new FusionError('malformed', 'The PNG file cannot be decoded.', { detail: String(cause), cause })
  }
  const { width, height, depth } = png
  if (depth < 8 && !png.palette) {
    throw new FusionError('unsupported', `A grey PNG of ${depth} bits cannot be read.`, { hint: 'Save it as RGB.' })
  }
  const channels = png.palette ? png.palette[0]!.length : png.channels
  const data = png.palette ? convertIndexedToRgb(png) : png.data
  const shift = depth === 16 ? 8 : 0
  const rgb = new Uint8Array(width * height * 3)
  for (let i = 0; i < width * height; i++) {
    for (let channel = 0; channel < 3; channel++) {
      rgb[i * 3 + channel] = data[i * channels + (channels < 3 ? 0 : channel)]! >> shift
    }
  }
  return { width, height, channels: 3, data: rgb }
}
