import { FusionError } from '../../../../contract/errors'
import type { FileReader } from './file-reader'
import { interpretPickle } from './interpret'
import { MOST_PICKLE_BYTES } from './refusals'
import { findStateDict } from './state-dict'
import { placeOf } from './torch-tensor'

const LOCAL = Buffer.from('PK\x03\x04', 'latin1')
const CENTRAL = Buffer.from('PK\x01\x02', 'latin1')
const LOCAL_BYTES = 30
const BLOCK_BYTES = 1_048_576
/** Longer than a header with the name of a storage. */
const OVERLAP_BYTES = 512
/** More than any tensor of a model has: where nothing is found so far from the end, nothing will be. */
const MOST_SCANNED_BYTES = 512e6
const STORAGE = /^[^/]+\/data\/([^/]+)$/

/**
 * In which tensor a file of PyTorch ends that was cut off: that of the last storage which begins in it. For messages: a
 * cut archive has lost its directory, and whatever cannot be told is undefined.
 */
export function tensorAtCut(file: FileReader): string | undefined {
  try {
    const key = lastStorage(file)
    return key === undefined ? undefined : tensorsOf(file).get(key)
  } catch (error) {
    if (error instanceof FusionError) return undefined
    throw error
  }
}

/** The key of the last storage that has a header, unless the directory comes after it. */
function lastStorage(file: FileReader): string | undefined {
  const least = Math.max(0, file.size - MOST_SCANNED_BYTES)
  for (let end = file.size; end > least; end -= BLOCK_BYTES) {
    const start = Math.max(0, end - BLOCK_BYTES)
    const bytes = file.read(start, Math.min(file.size, end + OVERLAP_BYTES) - start)
    if (bytes.includes(CENTRAL)) return undefined
    for (let at = bytes.lastIndexOf(LOCAL); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(LOCAL, at - 1)) {
      const key = STORAGE.exec(nameAt(bytes, at))?.[1]
      if (key !== undefined) return key
    }
  }
  return undefined
}

function nameAt(bytes: Buffer, header: number): string {
  if (header + LOCAL_BYTES > bytes.length) return ''
  const start = header + LOCAL_BYTES
  return bytes.toString('latin1', start, start + bytes.readUInt16LE(header + 26))
}

/** The first tensor in each storage, by the pickle, which is the first file of the archive. */
function tensorsOf(file: FileReader): Map<string, string> {
  const bytes = file.read(0, Math.min(file.size, MOST_PICKLE_BYTES))
  if (bytes.length < LOCAL_BYTES || !nameAt(bytes, 0).endsWith('/data.pkl')) return new Map()
  const start = LOCAL_BYTES + bytes.readUInt16LE(26) + bytes.readUInt16LE(28)
  const { value } = interpretPickle(bytes, start, file.path)
  const names = new Map<string, string>()
  for (const [name, tensor] of findStateDict(value, file.path).tensors) {
    const find = ({ key, count, type }: { key: string; count: number; type: { bytes: number } }) => {
      if (!names.has(key)) names.set(key, name)
      return { offset: 0, byteLength: count * type.bytes }
    }
    placeOf(name, tensor, { find }, file.path)
  }
  return names
}
