import type { FileHandle } from 'node:fs/promises'
import { FusionError } from '../../../contract/errors'
import { openRegularFile } from '../../files/reading/regular-file'
import { BYTES_PER_ELEMENT, type ElementType } from '../../tensor/element-type'
import { stateOf } from '../../files/reading/file-state'
import type { SourceFile, WeightsContainer } from './container'
import { parseHeader } from './safetensors-header'

/** Longest header that the safetensors library reads (MAX_HEADER_SIZE): a longer one is an attack, not a model. */
export const MAX_HEADER_BYTES = 100_000_000
/** Networks use 5 at most. */
const MOST_DIMENSIONS = 64
/** The header's length stands in front of it, as a little-endian u64. */
export const LENGTH_BYTES = 8

/**
 * Reads the header of a safetensors file; accepts what the safetensors library 0.8.0 accepts.
 *
 * @throws FusionError 'not-found', 'unreadable', 'malformed'; 'unsupported' for element types that nothing here computes
 * with (F4, F6, F8_E8M0, C64 …), naming tensor and type
 */
export async function readSafetensors(path: string): Promise<WeightsContainer> {
  const handle = await openRegularFile(path)
  try {
    return await readHeader(handle, path)
  } finally {
    await handle.close()
  }
}

async function readHeader(handle: FileHandle, path: string): Promise<WeightsContainer> {
  const found = await handle.stat({ bigint: true })
  const size = Number(found.size)
  const dataStart = headerEnd(await readAt(handle, path, 0, Math.min(size, LENGTH_BYTES)), size, path)
  const header = await readAt(handle, path, LENGTH_BYTES, dataStart - LENGTH_BYTES)
  return parseSafetensors({ path, size, state: stateOf(found) }, header)
}

/**
 * Where the header of a safetensors file ends and its data begin.
 * @param start the first 8 bytes of the file, or all of a shorter one
 * @throws FusionError 'malformed'
 */
export function headerEnd(start: Buffer, size: number, path: string): number {
  if (size < LENGTH_BYTES) throw malformed(path, `it holds ${size} bytes, fewer than the length of its header`)
  const length = start.readBigUInt64LE()
  if (length > MAX_HEADER_BYTES) throw malformed(path, `a header of ${length} bytes is more than the format allows`)
  const end = LENGTH_BYTES + Number(length)
  if (end > size) throw malformed(path, `its header ends at byte ${end}, the file at ${size}`)
  return end
}

/**
 * A safetensors file by its header.
 * @param header the header alone, without its 8-byte length
 * @throws what readSafetensors throws
 */
export function parseSafetensors(file: SourceFile, header: Buffer): WeightsContainer {
  const { path, size } = file
  const dataStart = LENGTH_BYTES + header.byteLength
  const { metadata, tensors } = parseHeader(header, size - dataStart, path)
  return {
    file,
    metadata,
    leftAside: [],
    tensors: tensors.map(({ name, elementType, shape, begin, byteLength }) => {
      if (!isSupported(elementType)) {
        throw new FusionError('unsupported', `Tensor ${name} of ${path} is stored as ${elementType}.`, {
          hint: 'This element type is not supported. Use a float32, float16, bfloat16 or plain float8 file of the model.',
        })
      }
      if (shape.length > MOST_DIMENSIONS) throw malformed(path, `a tensor has ${shape.length} dimensions`)
      return { name, elementType, shape, path, offset: dataStart + begin, byteLength }
    }),
  }
}

async function readAt(handle: FileHandle, path: string, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await handle.read(buffer, 0, length, position)
  if (bytesRead < length) throw malformed(path, 'it ended while its header was read')
  return buffer
}

function isSupported(elementType: string): elementType is ElementType {
  return Object.hasOwn(BYTES_PER_ELEMENT, elementType)
}

function malformed(path: string, what: string): FusionError {
  return new FusionError('malformed', `${path} is not a valid safetensors file: ${what}.`, {
    hint: 'The file is damaged, incomplete or of another format. Download or export it again.',
  })
}
