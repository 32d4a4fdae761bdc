import { closeSync, fstatSync, readSync } from 'node:fs'
import { FusionError } from '../../contract/errors'
import { containerOfBytes, START_BYTES } from '../checkpoint/containers/file-start'
import type { WeightsContainer } from '../checkpoint/containers/container'
import { readPickleFile } from '../checkpoint/containers/pickle-file'
import { headerEnd, LENGTH_BYTES, parseSafetensors } from '../checkpoint/containers/safetensors'
import { adapterKind } from '../checkpoint/kinds/tensor-kinds'
import { unreadable } from '../files/reading/file-errors'
import { stateOf } from '../files/reading/file-state'
import { openRegularFileSync } from '../files/reading/regular-file'
import { sampledContainer } from './sampled-header'

/** Read at once: with the headers of most adapters and small models, in one call of the system. */
const FIRST_BYTES = 32 * 1024
/** Of adapters with longer headers a sample of the tensors is read. */
const LONG_HEADER_BYTES = 16 * 1024
/** Every tensor of an adapter says so. */
const TENSORS_OF_ADAPTERS = 16
/** A header that is longer is a list of thousands of tensors or worse: opening the file itself reads it. */
export const MOST_HEADER_BYTES = 16e6

/**
 * A file of weights by its header alone: of safetensors no more than the header is read, of PyTorch's files the directory
 * of the archive and the pickle. Does not wait between its few short reads: thousands of files are read so.
 *
 * @throws FusionError as openContainer, and 'malformed' for a header of more than 16 MB
 */
export function readModelHeader(path: string): WeightsContainer {
  const descriptor = openRegularFileSync(path)
  try {
    const stats = fstatSync(descriptor, { bigint: true })
    const size = Number(stats.size)
    const first = readAt(descriptor, path, 0, Math.min(size, FIRST_BYTES))
    if (containerOfBytes(path, first.subarray(0, START_BYTES)) === 'pickle') return readPickleFile(path)
    const end = headerEnd(first.subarray(0, LENGTH_BYTES), size, path)
    if (end > MOST_HEADER_BYTES) {
      throw new FusionError('malformed', `${path} has a header of ${end} bytes: too long for a list.`, {
        hint: 'Open the file by itself to see whether it is a model.',
      })
    }
    const rest = end > first.byteLength ? readAt(descriptor, path, first.byteLength, end - first.byteLength) : null
    const all = rest ? Buffer.concat([first, rest]) : first
    const file = { path, size, state: stateOf(stats) }
    const header = all.subarray(LENGTH_BYTES, end)
    const sample = header.byteLength > LONG_HEADER_BYTES ? sampledContainer(file, header) : undefined
    return sample && isAdapter(sample) ? sample : parseSafetensors(file, header)
  } finally {
    closeSync(descriptor)
  }
}

function isAdapter({ tensors }: WeightsContainer): boolean {
  return adapterKind(tensors.slice(0, TENSORS_OF_ADAPTERS))?.isRead ?? false
}

function readAt(descriptor: number, path: string, position: number, count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count)
  let done = 0
  try {
    for (let read = -1; read !== 0 && done < count; done += read)
      read = readSync(descriptor, bytes, done, count - done, position + done)
  } catch (cause) {
    throw unreadable(path, cause)
  }
  if (done === count) return bytes
  throw new FusionError('source-changed', `${path} became shorter while it was read.`, { hint: 'Try again.' })
}
