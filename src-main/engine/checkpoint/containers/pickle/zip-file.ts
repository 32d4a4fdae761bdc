import { FusionError } from '../../../../contract/errors'
import { malformedPickle } from './byte-reader'
import { tensorAtCut } from './cut-archive'
import type { FileReader } from './file-reader'
import { interpretPickle, type Interpretation } from './interpret'
import { refuseLongPickle } from './refusals'
import { storageReference, type Storages } from './torch-storages'
import { inWords, readZipDirectory, type ZipEntry } from './zip-directory'

/** 'little' or 'big'. */
const MOST_SMALL_BYTES = 16

/**
 * A file that PyTorch 1.6 or later wrote: a zip archive with a pickle, `NAME/data.pkl`, and a file for every storage,
 * `NAME/data/KEY`.
 *
 * @throws FusionError 'malformed'; 'unsupported' for archives of other kinds (TorchScript, compressed, big-endian)
 */
export function readZipFile(file: FileReader): { pickle: Interpretation; storages: Storages } {
  const entries = readDirectory(file)
  const folder = folderOf(entries, file.path)
  const byName = new Map(entries.map((entry) => [entry.name, entry]))
  const find = (name: string): ZipEntry | undefined => byName.get(`${folder}/${name}`)
  const read = ({ offset, byteLength }: ZipEntry): Buffer => file.read(offset, byteLength)
  if (find('constants.pkl')) {
    throw new FusionError('unsupported', `${file.path} is a TorchScript program (torch.jit), not a file of weights.`, {
      hint: 'Save its weights alone: torch.save(torch.jit.load(FILE).state_dict(), OTHER_FILE).',
    })
  }
  const compressed = entries.find(({ isCompressed }) => isCompressed)
  if (compressed) {
    throw new FusionError('unsupported', `${file.path} is a compressed archive; PyTorch stores tensors as they are.`, {
      detail: `File ${inWords(compressed.name)}`,
      hint: 'Unpack it if a model is packed in it, or save the model anew with torch.save.',
    })
  }
  const order = find('byteorder')
  if (order && (order.byteLength > MOST_SMALL_BYTES || read(order).toString('latin1') !== 'little')) {
    throw new FusionError('unsupported', `${file.path} holds numbers with their first byte first (big-endian).`, {
      hint: 'Save the model anew on a usual computer (x86 or ARM), which is little-endian.',
    })
  }
  const data = find('data.pkl')
  if (!data) throw malformedPickle(file.path, 'its archive has no data.pkl')
  refuseLongPickle(file.path, data.byteLength)
  const pickle = interpretPickle(read(data), 0, file.path)
  if (pickle.end !== data.byteLength) throw malformedPickle(file.path, 'something stands behind its pickle')
  for (const id of pickle.persistentIds) storageReference(id, file.path)
  return {
    pickle,
    storages: {
      find({ key, count, type }) {
        const entry = find(`data/${key}`)
        if (!entry) throw malformedPickle(file.path, `its archive has no storage ${key}`)
        const byteLength = count * type.bytes
        if (byteLength > entry.byteLength)
          throw malformedPickle(file.path, `storage ${key} has ${entry.byteLength} bytes instead of ${byteLength}`)
        return { offset: entry.offset, byteLength }
      },
    },
  }
}

/** @throws FusionError 'malformed', of a file that was cut off by the tensor in which it ends */
function readDirectory(file: FileReader): ZipEntry[] {
  try {
    return readZipDirectory(file)
  } catch (error) {
    const name = tensorAtCut(file)
    throw name === undefined ? error : malformedPickle(file.path, `it ends in the tensor ${name}`)
  }
}

/** The one folder that all files of the archive are in, whatever its name. */
function folderOf(entries: readonly ZipEntry[], path: string): string {
  const folders = new Set(entries.map(({ name }) => name.slice(0, Math.max(0, name.indexOf('/')))))
  const [folder] = folders
  const pickle = entries.find(({ name }) => /^[^/]+\/data\.pkl$/.test(name))
  if (!pickle || folder === undefined) {
    throw new FusionError('unsupported', `${path} is an archive (zip) without a model of PyTorch in it.`, {
      hint: 'Unpack it, and choose the model that is in it.',
    })
  }
  if (folders.size > 1) throw malformedPickle(path, 'its archive has several folders')
  return folder
}
