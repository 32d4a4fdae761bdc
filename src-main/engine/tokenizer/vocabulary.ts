import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { FusionError } from '../../contract/errors'
import { isObject } from '../../contract/values/json-text'
import { requireOwn } from '../files/reading/links'
import { isThere } from '../files/reading/regular-file'
import { BYTE_LETTERS, type Vocabulary } from './byte-pairs'
import { ClipTokenizer } from './tokenizer'
import { readAddedTokens, readBytes, readJson } from './tokenizer-files'

/** The number of merges of CLIP's own table: 49 152 tokens without 256 bytes and the special tokens. */
const CLIP_MERGES = 49_152 - 256 - 2

const TOKENIZER_FILES = [
  'vocab.json',
  'merges.txt',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
]

/**
 * The tokenizer of a pipeline's `tokenizer` or `tokenizer_2` folder: vocab.json and merges.txt, or what tokenizer.json
 * has of them where they are missing; its special and added tokens as transformers' CLIPTokenizer.from_pretrained finds
 * them (tokenizer-files.ts).
 * @param owner the model's folder, out of which no link may lead
 * @throws FusionError 'not-found', 'malformed' or 'validation' (a link out of the model), naming the file
 */
export function loadTokenizer(folder: string, owner = folder): ClipTokenizer {
  const vocabulary = loadVocabulary(folder, owner)
  const { padToken, added } = readAddedTokens(folder, vocabulary.ids)
  return new ClipTokenizer(vocabulary, padToken, added)
}

/** The vocabulary of such a folder alone. @throws FusionError 'not-found', 'malformed', 'validation' */
export function loadVocabulary(folder: string, owner = folder): Vocabulary {
  for (const name of TOKENIZER_FILES) requireOwn(join(folder, name), owner, 'read')
  return readVocabulary(folder)
}

/**
 * CLIP's own vocabulary, for single files, which carry none.
 * @param path the bundled bpe_simple_vocab_16e6.txt.gz (resources/clip)
 */
export function readClipVocabulary(path: string): Vocabulary {
  const lines = gunzipSync(readBytes(path)).toString('utf8').split('\n')
  const merges = lines.slice(1, CLIP_MERGES + 1).map(pairOf)
  // The table's order of bytes: the printable ones first.
  const bytes = BYTE_LETTERS.toSorted((a, b) => letterRank(a) - letterRank(b))
  const words = bytes.map((letter) => `${letter}</w>`)
  const tokens = [...bytes, ...words, ...merges.map((pair) => pair.join('')), '<|startoftext|>', '<|endoftext|>']
  return { ids: new Map(tokens.map((token, id) => [token, id])), merges }
}

function letterRank(letter: string): number {
  return letter.charCodeAt(0)
}

function readVocabulary(folder: string): Vocabulary {
  const [vocabulary, merges] = [join(folder, 'vocab.json'), join(folder, 'merges.txt')]
  const [hasVocabulary, hasMerges] = [isThere(vocabulary), isThere(merges)]
  const model = hasVocabulary && hasMerges ? null : readModel(join(folder, 'tokenizer.json'))
  return {
    ids: hasVocabulary ? idsOf(readJson(vocabulary), vocabulary) : model!.ids,
    merges: hasMerges ? readMerges(merges) : model!.merges,
  }
}

function readMerges(path: string): Vocabulary['merges'] {
  const lines = readBytes(path).toString('utf8').split(/\r?\n/)
  const first = lines[0]!.startsWith('#version') ? 1 : 0
  return lines.slice(first).filter(Boolean).map(pairOf)
}

/** The byte-pair encoding in a tokenizer.json. */
function readModel(path: string): Vocabulary {
  const { model } = readJson(path)
  if (!isObject(model) || !isObject(model['vocab']) || !Array.isArray(model['merges'])) {
    throw new FusionError('malformed', `${path} holds no byte-pair encoding.`)
  }
  const merges = model['merges'].map((merge: unknown) => pairOf(Array.isArray(merge) ? merge.join(' ') : String(merge)))
  return { ids: idsOf(model['vocab'], path), merges }
}

function pairOf(line: string): readonly [string, string] {
  const [first = '', second = ''] = line.split(' ')
  return [first, second]
}

function idsOf(record: Record<string, unknown>, path: string): Map<string, number> {
  const ids = new Map<string, number>()
  for (const [token, id] of Object.entries(record)) {
    if (!Number.isInteger(id)) throw new FusionError('malformed', `${path}: the token ${token} has no number.`)
    ids.set(token, id as number)
  }
  return ids
}
