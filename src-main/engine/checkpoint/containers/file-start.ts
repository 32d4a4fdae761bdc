import { basename, dirname, extname } from 'node:path'
import { FusionError, type ErrorKind } from '../../../contract/errors'
import { readBeginning } from '../../files/reading/regular-file'

/** Bytes that tell what a file is: a tar archive says it last, at byte 257. */
export const START_BYTES = 512
/** How much of a text file a message repeats. */
const TEXT_SHOWN = 60

const SAFETENSORS = 'Use the safetensors file of the model.'
const DOWNLOAD = 'The download failed: get the file again, logged in where the page asks for it.'
interface FileStart {
  /** After 'PATH is '. */
  what: string
  /** The first bytes, one character for each. */
  is: (start: string) => boolean
  kind?: ErrorKind
  hint: string
}

const startsWith =
  (...magics: string[]) =>
  (start: string): boolean =>
    magics.some((magic) => start.startsWith(magic))

/** The number with which PyTorch's older form begins, as a pickle of protocol 0 or 1 has it. */
const MAGIC_IN_TEXT = 'L119547037146038801333356L'

/** A zip archive, or a pickle. A safetensors file whose header is 640 bytes long begins like a pickle of protocol 2. */
function isPickle(start: string): boolean {
  const protocol = start.charCodeAt(1)
  const isBinary = start.startsWith('\x80') && protocol >= 2 && protocol <= 5 && !isSafetensors(start)
  return isBinary || startsWith('PK\x03\x04', MAGIC_IN_TEXT)(start)
}

/** The length of a header that a file may have, in 8 bytes. */
function isSafetensors(start: string): boolean {
  return start.slice(4, 8) === '\0\0\0\0'
}

function isTar(start: string): boolean {
  return start.slice(257, 262) === 'ustar'
}

/** Files that people take for a model, by their first bytes; the first that fits counts. */
const FILE_STARTS: readonly FileStart[] = [
  { what: 'an empty file', is: (start) => start === '', kind: 'malformed', hint: DOWNLOAD },
  {
    what: 'a Git LFS pointer: it names the model, and holds none of it',
    is: startsWith('version https://git-lfs'),
    hint: 'Get the file itself: git lfs pull, or the download button of the page.',
  },
  {
    what: 'a web page (HTML) saved under the name of a model',
    is: (start) => /^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body|!--|\?xml)/i.test(start),
    hint: DOWNLOAD,
  },
  {
    what: 'a GGUF file: a quantised model',
    is: startsWith('GGUF', 'GGML', 'ggjt', 'tjgg', 'lmgg'),
    hint: 'Its weights are codes that cannot be merged. Use the model in float16, bfloat16 or float32 safetensors.',
  },
  {
    what: 'a PyTorch checkpoint of 2016 (tar), which PyTorch itself reads only when it may run what is in it',
    is: (start) => isTar(start) && startsWith('sys_info\0', 'pickle\0', 'storages\0', 'tensors\0')(start),
    hint: SAFETENSORS,
  },
  {
    what: 'an archive',
    is: (start) =>
      isTar(start) ||
      startsWith('7z\xbc\xaf', 'Rar!', '\x1f\x8b', '(\xb5/\xfd', 'BZh', '\xfd7zXZ', 'PK\x05\x06')(start),
    hint: 'Unpack it, and choose the model that is in it.',
  },
  {
    what: 'a picture',
    is: startsWith('\x89PNG', '\xff\xd8\xff', 'RIFF', 'GIF8'),
    hint: SAFETENSORS,
  },
  { what: 'an HDF5 file (Keras)', is: startsWith('\x89HDF'), hint: SAFETENSORS },
  { what: 'a PDF document', is: startsWith('%PDF'), hint: SAFETENSORS },
]

/** Kinds of file that only their name tells. */
const EXTENSIONS: Record<string, Omit<FileStart, 'is'>> = {
  '.onnx': { what: 'an ONNX graph', hint: SAFETENSORS },
  '.engine': { what: 'a TensorRT engine', hint: SAFETENSORS },
  '.trt': { what: 'a TensorRT engine', hint: SAFETENSORS },
  '.msgpack': { what: 'a Flax checkpoint', hint: SAFETENSORS },
}

/** Endings of files that PyTorch wrote; what begins like a safetensors file is one all the same. */
const PICKLE_ENDINGS = ['.ckpt', '.pt', '.pth', '.bin']

/**
 * Which container a file is, by its first bytes, and by its name where they tell nothing.
 *
 * @throws FusionError 'unsupported' or (an empty file, a text) 'malformed' for files of other kinds, naming the kind;
 * 'not-found', 'unreadable'
 */
export async function containerOf(path: string): Promise<'safetensors' | 'pickle'> {
  return containerOfBytes(path, await readBeginning(path, START_BYTES))
}

/** The same of a file whose first START_BYTES were read. @param path for its ending, and for messages */
export function containerOfBytes(path: string, bytes: Buffer): 'safetensors' | 'pickle' {
  const start = bytes.toString('latin1', 0, START_BYTES)
  if (isPickle(start)) return 'pickle'
  const ending = extname(path).toLowerCase()
  const found: Omit<FileStart, 'is'> | undefined =
    FILE_STARTS.find(({ is }) => is(start)) ?? EXTENSIONS[ending] ?? folderFile(path, start) ?? textIn(start)
  if (found) throw new FusionError(found.kind ?? 'unsupported', `${path} is ${found.what}.`, { hint: found.hint })
  return PICKLE_ENDINGS.includes(ending) && !isSafetensors(start) ? 'pickle' : 'safetensors'
}

/** JSON files that describe the folder in which they lie. */
const FOLDER_FILES = /^(?:model_index|config)\.json$|\.index(?:\.[\w-]+)?\.json$/

function folderFile(path: string, start: string): Omit<FileStart, 'is'> | undefined {
  if (!FOLDER_FILES.test(basename(path)) || !/^\s*\{/.test(start)) return undefined
  const hint = `Choose the folder itself: ${dirname(path)}`
  return { what: "a file that describes a model's folder, and holds none of its weights", hint }
}

/**
 * A text such as 'Entry not found': read as the length of a header, eight printable characters would be more than any
 * disk holds.
 */
function textIn(start: string): Omit<FileStart, 'is'> | undefined {
  if (!/^[\x20-\x7e\s]{8}/.test(start)) return undefined
  const words = start.replace(/[^\x20-\x7e]+/g, ' ').trim()
  const shown = words.length > TEXT_SHOWN ? `${words.slice(0, TEXT_SHOWN)}…` : words
  return { what: `a text, not a model: “${shown}”`, kind: 'malformed', hint: DOWNLOAD }
}
