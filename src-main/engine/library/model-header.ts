import { closeSync, fstatSync, readSync } from 'node:fs'
import { FusionError } from '../../contract/errors'
import { containerOfBytes, START_BYTES } from '../checkpoint/containers/file-start'
import type { SourceFile, WeightsContainer } from '../checkpoint/containers/container'
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
 * What was read of a file: the bytes of a safetensors header without its length, until the next file is read, or what
 * another container holds.
 */
export type ModelHeader =
  { file: SourceFile; bytes: Buffer; container?: undefined } | { container: WeightsContainer; bytes?: undefined }

/**
 * A file of weights by its header alone: of safetensors no more than the header is read, of PyTorch's files the directory
 * of the archive and the pickle. Does not wait between its few short reads: thousands of files are read so.
 *
 * @throws FusionError as openContainer, and 'malformed' for a header of more than 16 MB
 */
export function readModelHeader(path: string): ModelHeader {
  const descriptor = openRegularFileSync(path)
  try {
    const stats = fstatSync(descriptor, { bigint: true })
    const size = Number(stats.size)
    const first = readAt(descriptor, path, 0, Math.min(size, FIRST_BYTES))
    if (containerOfBytes(path, first.subarray(0, START_BYTES)) === 'pickle') return { container: readPickleFile(path) }
    const end = headerEnd(first.subarray(0, LENGTH_BYTES), size, path)
    if (end > MOST_HEADER_BYTES) {
      throw new FusionError('malformed', `${path} has a header of ${end} bytes: too long for a list.`, {
        hint: 'Open the file by itself to see whether it is a model.',
      })
    }
    const all = end > first.byteLength ? readAt(descriptor, path, first.byteLength, end) : first
    return { file: { path, size, state: stateOf(stats) }, bytes: all.subarray(LENGTH_BYTES, end) }
  } finally {
    closeSync(descriptor)
  }
}

/** The tensors of a header, or of a long one of an adapter some of them. @throws FusionError as openContainer */
export function containerOf(header: ModelHeader): WeightsContainer {
  if (header.container) return header.container
  const { file, bytes } = header
  const sample = bytes.byteLength > LONG_HEADER_BYTES ? sampledContainer(file, bytes) : undefined
  return sample && isAdapter(sample) ? sample : parseSafetensors(file, bytes)
}

function isAdapter({ tensors }: WeightsContainer): boolean {
  return adapterKind(tensors.slice(0, TENSORS_OF_ADAPTERS))?.isRead ?? false
}

/** Memory that is used again for every file: new memory for thousands of long headers costs as much as reading them. */
let memory = Buffer.alloc(256 * 1024)

/** The first bytes of a file up to `end`, of which those up to `start` were read by the call before. */
function readAt(descriptor: number, path: string, start: number, end: number): Buffer {
  if (end > memory.byteLength) memory = Buffer.concat([memory.subarray(0, start), Buffer.alloc(2 * end - start)])
  let done = start
  try {
    for (let read = -1; read !== 0 && done < end; done += read)
      read = readSync(descriptor, memory, done, end - done, done)
  } catch (cause) {
    throw unreadable(path, cause)
  }
  if (done === end) return memory.subarray(0, end)
  throw new FusionError('source-changed', `${path} became shorter while it was read.`, { hint: 'Try again.' })
}
