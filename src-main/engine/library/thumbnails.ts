import { readdir } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { isWeightsName } from '../../contract/document/names/model-names'
import { FusionError } from '../../contract/errors'
import { readSafetensors } from '../checkpoint/containers/safetensors'
import { readSmallFile } from '../files/reading/regular-file'
import { SMALL_FILES } from '../files/reading/small-files'

/** The picture of a model, as it is stored: nothing here decodes it. */
export interface Thumbnail {
  type: 'image/png' | 'image/jpeg' | 'image/webp'
  bytes: Buffer
}

/** Endings that web UIs and Civitai's helpers give to a model's picture, likeliest first. */
const ENDINGS = ['preview.png', 'preview.jpg', 'preview.jpeg', 'preview.webp', 'png', 'jpg', 'jpeg', 'webp']
/** Stability's standard for metadata: a picture as a data URI. */
const METADATA_KEY = 'modelspec.thumbnail'
const DATA_URI = /^data:image\/[\w.+-]+;base64,/

/** The name of the picture beside a model. @param stem the model's name without its ending @param names in its folder */
export function thumbnailBeside(stem: string, names: ReadonlySet<string>): string | null {
  const ending = ENDINGS.find((one) => names.has(`${stem}.${one}`))
  return ending === undefined ? null : `${stem}.${ending}`
}

/** Whether a file has its picture inside. */
export function hasThumbnail(metadata: Readonly<Record<string, string>>): boolean {
  return DATA_URI.test(metadata[METADATA_KEY] ?? '')
}

/** The picture of a model, as `readThumbnail` takes it; null where it has none. */
export async function thumbnailOf(path: string, metadata: Readonly<Record<string, string>>): Promise<string | null> {
  if (!isWeightsName(path)) return null
  const names = await readdir(dirname(path)).catch(() => [])
  const beside = thumbnailBeside(basename(path, extname(path)), new Set(names))
  if (beside !== null) return join(dirname(path), beside)
  return hasThumbnail(metadata) ? path : null
}

/**
 * Reads the picture of a model: a file of its own, or inside a safetensors file.
 * @param path the picture's, or the model's
 * @throws FusionError 'unsupported' for what is no PNG, JPEG or WebP by its first bytes; 'not-found' for a model without;
 * 'malformed' for one that is too large; whatever reading throws
 */
export async function readThumbnail(path: string): Promise<Thumbnail> {
  const bytes = isWeightsName(path) ? await embeddedPicture(path) : await readSmallFile(path, SMALL_FILES.thumbnail)
  const type = typeOf(bytes)
  if (type) return { type, bytes }
  throw new FusionError('unsupported', `${path} has no picture that can be shown (PNG, JPEG or WebP).`)
}

async function embeddedPicture(path: string): Promise<Buffer> {
  const uri = (await readSafetensors(path)).metadata[METADATA_KEY] ?? ''
  const start = DATA_URI.exec(uri)?.[0].length
  if (start === undefined) throw new FusionError('not-found', `${path} has no picture in it.`)
  const bytes = Buffer.from(uri.slice(start), 'base64')
  if (bytes.byteLength <= SMALL_FILES.thumbnail.mostBytes) return bytes
  throw new FusionError('malformed', `The picture in ${path} is too large to be shown.`)
}

function typeOf(bytes: Buffer): Thumbnail['type'] | undefined {
  const start = bytes.toString('latin1', 0, 12)
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg'
  return /^RIFF[^]{4}WEBP$/.test(start) ? 'image/webp' : undefined
}
