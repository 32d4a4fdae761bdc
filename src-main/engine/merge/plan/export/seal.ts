import { createHash } from 'node:crypto'
import { toJson } from '../../../checkpoint/containers/safetensors-write'
import type { ElementType } from '../../../tensor/element-type'

/** Key of the hash of a file's tensor data (Stability's model metadata standard). */
export const DATA_HASH_KEY = 'modelspec.hash_sha256'
/** Key of the hash of the tensors' names, types and shapes, in the order of their data. */
export const TENSORS_HASH_KEY = 'featurefusion.tensors_sha256'
/** Key of the hash of all other metadata, the recipe among them. */
export const METADATA_HASH_KEY = 'featurefusion.metadata_sha256'

/** What a header says of a tensor; its place follows from the order. */
export interface DescribedTensor {
  name: string
  elementType: ElementType
  shape: readonly number[]
}

/** Metadata with hashes of all that a file holds, as long before as after the data are known. */
export function sealed(
  metadata: Readonly<Record<string, string>>,
  tensors: readonly DescribedTensor[],
  dataSha256 = '0'.repeat(64),
): Record<string, string> {
  const whole = { ...metadata, [DATA_HASH_KEY]: `0x${dataSha256}`, [TENSORS_HASH_KEY]: tensorsHash(tensors) }
  return { ...whole, [METADATA_HASH_KEY]: metadataHash(whole) }
}

export function tensorsHash(tensors: readonly DescribedTensor[]): string {
  return digest(tensors.map(({ name, elementType, shape }) => [name, elementType, shape]))
}

/** Of all entries but the hash itself, in whichever order they stand. */
export function metadataHash(metadata: Readonly<Record<string, string>>): string {
  const entries = Object.entries(metadata).filter(([key]) => key !== METADATA_HASH_KEY)
  return digest(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function digest(value: unknown): string {
  return createHash('sha256').update(toJson(value)).digest('hex')
}
