import { decodeUtf8, malformedPickle } from './byte-reader'
import { typeOfStorage, type TorchType } from './torch-types'
import { type PersistentId, PickleTuple, type PickleValue } from './values'

/** A storage as a pickle refers to it. */
export interface StorageReference {
  type: TorchType
  key: string
  /** Elements of the whole storage. */
  count: number
  /** The part that is meant, in elements; the whole if absent (PyTorch before 0.4 stored such parts). */
  part?: { start: number; count: number }
}

/** A run of bytes of a file. */
export interface BytePlace {
  /** Counted from the start of the file. */
  offset: number
  byteLength: number
}

/** Where a file keeps its storages. */
export interface Storages {
  /** @throws FusionError 'malformed' where it has no such storage, or a smaller one */
  find(reference: StorageReference): BytePlace
}

/**
 * The storage that a persistent id means.
 * @throws FusionError 'malformed' for anything but a storage of a known type, the only thing that PyTorch refers to
 */
export function storageReference({ id }: PersistentId, source: string): StorageReference {
  const items = id instanceof PickleTuple ? id.items : []
  const [kind, storageClass, key, , count, part] = items
  const type = typeOfStorage(storageClass)
  const isRight = asText(kind) === 'storage' && type !== undefined && isCount(count)
  const name = asText(key)
  if (!isRight || name === undefined || items.length < 5 || items.length > 6)
    throw malformedPickle(source, 'it refers to something that is no storage of tensors')
  if (part === undefined || part === null) return { type, key: name, count }
  const [, start, length] = part instanceof PickleTuple ? part.items : []
  if (!isCount(start) || !isCount(length) || start + length > count)
    throw malformedPickle(source, `it refers to a part of storage ${name} that is not in it`)
  return { type, key: name, count, part: { start, count: length } }
}

/** Whether a value is a number of things: a whole number of 0 or more that arithmetic keeps exact. */
export function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Texts of Python 2 may come as bytes. */
function asText(value: PickleValue | undefined): string | undefined {
  if (value instanceof Uint8Array) return decodeUtf8(value)
  return typeof value === 'string' ? value : undefined
}
