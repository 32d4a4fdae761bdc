import { FusionError } from '../../../../contract/errors'
import { malformedPickle, PickleEndsEarly } from './byte-reader'
import type { FileReader } from './file-reader'
import { interpretPickle, type Interpretation } from './interpret'
import { MOST_PICKLE_BYTES, refuseLongPickle } from './refusals'
import { storageReference, type BytePlace, type Storages } from './torch-storages'
import type { TorchType } from './torch-types'
import { PickleDict, PickleList, type PickleValue, type PersistentId } from './values'

/** torch.serialization.MAGIC_NUMBER */
const MAGIC = 0x1950a86a20f9469cfc6cn
const PROTOCOL = 1001
/** Most pickles of models are shorter. */
const FIRST_WINDOW_BYTES = 1e6
const WINDOW_GROWTH = 8
/** In front of every storage: its number of elements. */
const COUNT_BYTES = 8

/**
 * A file that PyTorch wrote before 1.6 (or later, with _use_new_zipfile_serialization=False): five pickles one after the
 * other (magic number, protocol, system, the object, the keys of the storages), then the storages.
 *
 * @throws FusionError 'malformed'; 'unsupported' for pickles that PyTorch did not write, and for big-endian ones
 */
export function readLegacyFile(file: FileReader): { pickle: Interpretation; storages: Storages } {
  const pickles = new Pickles(file)
  const magic = pickles.next().value
  if (magic !== MAGIC) {
    throw new FusionError('unsupported', `${file.path} is a pickle that PyTorch did not write (it lacks its number).`, {
      hint: 'Save the model by torch.save, or as safetensors.',
    })
  }
  if (pickles.next().value !== PROTOCOL) throw malformedPickle(file.path, 'its version is not known')
  const system = pickles.next().value
  if (system instanceof PickleDict && system.get('little_endian') === false) {
    throw new FusionError('unsupported', `${file.path} holds numbers with their first byte first (big-endian).`, {
      hint: 'Save the model anew on a usual computer (x86 or ARM), which is little-endian.',
    })
  }
  const pickle = pickles.next()
  const keys = pickles.next()
  const places = placeStorages(file, keys, typesByKey(pickle.persistentIds, file.path))
  return {
    pickle,
    storages: {
      find({ key, count, type }) {
        const place = places.get(key)
        if (place?.byteLength !== count * type.bytes)
          throw malformedPickle(file.path, `it holds no storage ${key} of ${count * type.bytes} bytes`)
        return place
      },
    },
  }
}

/** Pickles one after the other at the beginning of a file, of which no more is read than they need. */
class Pickles {
  private at = 0
  private window: Buffer

  constructor(private readonly file: FileReader) {
    this.window = file.read(0, Math.min(FIRST_WINDOW_BYTES, file.size))
  }

  next(): Interpretation {
    for (;;) {
      try {
        const found = interpretPickle(this.window, this.at, this.file.path)
        this.at = found.end
        return found
      } catch (error) {
        if (!(error instanceof PickleEndsEarly) || this.window.length === this.file.size) throw error
        refuseLongPickle(this.file.path, this.window.length + 1)
        const longer = Math.min(this.window.length * WINDOW_GROWTH, this.file.size, MOST_PICKLE_BYTES + 1)
        this.window = this.file.read(0, longer)
      }
    }
  }
}

/** What each storage holds, as the tensors say that use it. */
function typesByKey(ids: readonly PersistentId[], path: string): Map<string, TorchType> {
  const types = new Map<string, TorchType>()
  for (const id of ids) {
    const { key, type } = storageReference(id, path)
    const known = types.get(key)
    if (known !== undefined && known !== type)
      throw malformedPickle(path, `storage ${key} is ${known.name} here and ${type.name} there`)
    types.set(key, type)
  }
  return types
}

/** Walks through the storages that follow the keys, each with its number of elements in front. */
function placeStorages(
  file: FileReader,
  { value, end }: Interpretation,
  types: ReadonlyMap<string, TorchType>,
): Map<string, BytePlace> {
  const places = new Map<string, BytePlace>()
  let at = end
  for (const key of textsOf(value, file.path)) {
    const type = types.get(key)
    if (!type || places.has(key)) throw malformedPickle(file.path, `its storage ${key} belongs to no tensor`)
    const count = file.read(at, COUNT_BYTES).readBigInt64LE()
    const offset = at + COUNT_BYTES
    const byteLength = Number(count) * type.bytes
    if (count < 0n || offset + byteLength > file.size)
      throw malformedPickle(file.path, `its storage ${key} ends behind the end of the file`)
    places.set(key, { offset, byteLength })
    at = offset + byteLength
  }
  return places
}

function textsOf(value: PickleValue, path: string): string[] {
  const items = value instanceof PickleList ? value.items : [null]
  return items.map((item) => {
    if (typeof item !== 'string') throw malformedPickle(path, 'the keys of its storages are not texts')
    return item
  })
}
