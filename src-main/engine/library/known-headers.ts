import { createHash } from 'node:crypto'
import type { ModelFacts } from '../../contract/library'
import { containerOf, type ModelHeader } from './model-header'
import { BASE_KEYS } from './base-family'
import { modelFacts } from './model-facts'
import { hasThumbnail } from './thumbnails'
import type { HeaderFacts } from './facts-cache'

const METADATA_START = Buffer.from('{"__metadata__":{')
/** In what stands beside the usual metadata: metadata in another place, and tensors whose contents say what a file is. */
const TELLING_MORE = ['"__metadata__"', 'comfy_quant']
/** Metadata that says what tensors are. */
const TELLING_METADATA = '_quantization_metadata'
const [QUOTE, BACKSLASH, CLOSING_BRACE, SPACE] = ['"', '\\', '}', ' '].map((character) => character.charCodeAt(0))

/** The part of a header that files with the same tensors share, and the rest of it. */
interface HeaderParts {
  tensors: Buffer
  metadata: Readonly<Record<string, string>>
}

/**
 * What headers tell, looked at once for all files with the same tensors: trainers and converters write the same few
 * headers again and again, and a library has thousands of files.
 */
export class KnownHeaders {
  /** By the tensors and the metadata that count; with how many bytes of data they describe. */
  private readonly known = new Map<string, { dataBytes: number; facts: ModelFacts }>()

  /** @throws FusionError as modelFacts and containerOf do */
  factsOf(header: ModelHeader): HeaderFacts {
    const parts = header.bytes && partsOf(header.bytes)
    if (!parts) {
      const file = containerOf(header)
      return { ...modelFacts(file), hasPicture: hasThumbnail(file.metadata) }
    }
    const { tensors, metadata } = parts
    const dataBytes = header.file!.size - header.bytes!.byteLength
    const key = createHash('sha256')
      .update(JSON.stringify(BASE_KEYS.map((name) => metadata[name] ?? null)))
      .update(tensors)
      .digest('base64')
    const known = this.known.get(key)
    const facts = known?.dataBytes === dataBytes ? known.facts : modelFacts(containerOf(header))
    if (!known && !TELLING_MORE.some((name) => tensors.includes(name))) this.known.set(key, { dataBytes, facts })
    return { ...facts, hasPicture: hasThumbnail(metadata) }
  }
}

/** null where a header is not written in the usual way, or where metadata say what tensors are. */
function partsOf(header: Buffer): HeaderParts | null {
  let end = header.byteLength
  while (end > 0 && header[end - 1] === SPACE) end--
  const hasMetadata = header.subarray(0, METADATA_START.byteLength).equals(METADATA_START)
  if (!hasMetadata) return { tensors: header.subarray(0, end), metadata: {} }
  const start = METADATA_START.byteLength - 1
  const metadataEnd = objectEnd(header, start)
  const metadata = metadataEnd < 0 ? null : textsOf(header.toString('utf8', start, metadataEnd))
  if (!metadata || TELLING_METADATA in metadata) return null
  return { tensors: header.subarray(metadataEnd, end), metadata }
}

/** The place behind a flat object of texts that starts at `start`; -1 where it does not end. */
function objectEnd(header: Buffer, start: number): number {
  let inText = false
  for (let at = start; at < header.byteLength; at++) {
    const byte = header[at]
    if (byte === BACKSLASH) at++
    else if (byte === QUOTE) inText = !inText
    else if (byte === CLOSING_BRACE && !inText) return at + 1
  }
  return -1
}

function textsOf(json: string): Record<string, string> | null {
  try {
    const value = JSON.parse(json) as Record<string, unknown>
    return Object.values(value).every((text) => typeof text === 'string') ? (value as Record<string, string>) : null
  } catch {
    return null
  }
}
