import { extname } from 'node:path'
import { FusionError, type ErrorKind } from '../../../contract/errors'
import { readBeginning } from '../../files/regular-file'

/** Bytes that tell what a file is: a tar archive says it last, at byte 257. */
const START_BYTES = 512
/** How much of a text file a message repeats. */
const TEXT_SHOWN = 60

const SAFETENSORS = 'Use the safetensors file of the model.'
const DOWNLOAD = 'The download failed: get the file again, logged in where the page asks for it.'
const PICKLE = 'a PyTorch pickle (.ckpt), which is not supported'
const CONVERT =
  'Pickles may run programs and are not opened. Convert the model to safetensors, or get it as safetensors.'

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

/** A pickle of protocol 2 to 5. A safetensors file whose header is 640 bytes long begins alike, but goes on with zeros. */
function isPickle(start: string): boolean {
  const protocol = start.charCodeAt(1)
  return start.startsWith('\x80') && protocol >= 2 && protocol <= 5 && start.slice(4, 8) !== '\0\0\0\0'
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
  { what: PICKLE, is: (start) => startsWith('PK\x03\x04')(start) || isPickle(start), hint: CONVERT },
  {
    what: 'an archive',
    is: (start) =>
      startsWith('7z\xbc\xaf', 'Rar!', '\x1f\x8b', '(\xb5/\xfd', 'BZh', '\xfd7zXZ', 'PK\x05\x06')(start) ||
      start.slice(257, 262) === 'ustar',
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
  ...Object.fromEntries(['.ckpt', '.pt', '.pth', '.bin'].map((name) => [name, { what: PICKLE, hint: CONVERT }])),
  '.onnx': { what: 'an ONNX graph', hint: SAFETENSORS },
  '.engine': { what: 'a TensorRT engine', hint: SAFETENSORS },
  '.trt': { what: 'a TensorRT engine', hint: SAFETENSORS },
  '.msgpack': { what: 'a Flax checkpoint', hint: SAFETENSORS },
}

/**
 * Refuses files that are not safetensors, by what they are.
 *
 * @throws FusionError 'unsupported' or (an empty file, a text) 'malformed', naming the kind; 'unreadable'
 */
export async function refuseOtherFile(path: string): Promise<void> {
  const start = (await readBeginning(path, START_BYTES)).toString('latin1')
  const found: Omit<FileStart, 'is'> | undefined =
    FILE_STARTS.find(({ is }) => is(start)) ?? EXTENSIONS[extname(path).toLowerCase()] ?? textIn(start)
  if (found) throw new FusionError(found.kind ?? 'unsupported', `${path} is ${found.what}.`, { hint: found.hint })
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
