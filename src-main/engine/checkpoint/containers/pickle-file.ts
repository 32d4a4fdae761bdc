import { FusionError } from '../../../contract/errors'
import { stateOf } from '../../files/reading/file-state'
import type { WeightsContainer } from './container'
import { FileReader } from './pickle/file-reader'
import { readLegacyFile } from './pickle/legacy-file'
import { findStateDict } from './pickle/state-dict'
import { placeOf } from './pickle/torch-tensor'
import { readZipFile } from './pickle/zip-file'

/** As of a safetensors file. */
const MOST_TENSORS = 200_000
/** The one name that a safetensors file uses for something else: no merge could be written with it. */
const RESERVED_NAME = '__metadata__'
const ZIP = 'PK\x03\x04'

/**
 * Reads the tensors of a `.ckpt`, `.pt`, `.pth` or `.bin` that PyTorch wrote, without running anything that is in it.
 *
 * @throws FusionError 'not-found', 'unreadable', 'malformed'; 'unsupported' for files without plain weights, for what may
 * be an attack, and for tensors that nothing here computes with
 */
export function readPickleFile(path: string): WeightsContainer {
  const file = new FileReader(path)
  try {
    const isZip = file.size >= ZIP.length && file.read(0, ZIP.length).toString('latin1') === ZIP
    const { pickle, storages } = isZip ? readZipFile(file) : readLegacyFile(file)
    const { tensors, leftAside } = findStateDict(pickle.value, path)
    if (tensors.length > MOST_TENSORS || tensors.some(([name]) => name === RESERVED_NAME))
      throw new FusionError('unsupported', `${path} holds tensors that no file of a model has.`)
    return {
      file: { path, size: file.size, state: stateOf(file.stats) },
      metadata: {},
      leftAside,
      tensors: tensors
        .map(([name, tensor]) => ({ name, path, ...placeOf(name, tensor, storages, path) }))
        .sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength),
    }
  } finally {
    file.close()
  }
}
