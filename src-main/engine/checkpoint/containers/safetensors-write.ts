import type { ElementType } from '../../tensor/element-type'
import { LENGTH_BYTES } from './safetensors'

/** The header ends at a multiple of this, so that the data of every type can be aligned. */
const ALIGNMENT = 8

/**
 * The start of a safetensors file, its 8-byte length included: `__metadata__` first, then the tensors, whose data follow
 * in the order given, without gaps. Padded with spaces to a multiple of 8 bytes.
 *
 * @param metadata values are text, as the format has it; left out where empty
 * @param leastBytes length of the whole at least: a header may be written when the data behind it are
 */
export function encodeHeader(
  tensors: readonly { name: string; elementType: ElementType; shape: readonly number[]; byteLength: number }[],
  metadata: Readonly<Record<string, string>>,
  leastBytes = 0,
): Uint8Array {
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : []
  let end = 0
  for (const { name, elementType, shape, byteLength } of tensors) {
    const begin = end
    end += byteLength
    entries.push([name, { dtype: elementType, shape, data_offsets: [begin, end] }])
  }
  // Object.fromEntries would put names that look like numbers first.
  const members = entries.map(([name, value]) => `${toJson(name)}:${toJson(value)}`)
  const json = Buffer.from(`{${members.join(',')}}`, 'utf8')
  const length = Math.ceil(Math.max(json.byteLength, leastBytes - LENGTH_BYTES) / ALIGNMENT) * ALIGNMENT
  const header = Buffer.alloc(LENGTH_BYTES + length, ' ')
  header.writeBigUInt64LE(BigInt(length))
  json.copy(header, LENGTH_BYTES)
  return header
}

/** JSON as a header has it: halves of surrogate pairs, which the format refuses, become U+FFFD. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'string' ? Buffer.from(inner).toString() : inner,
  )
}
