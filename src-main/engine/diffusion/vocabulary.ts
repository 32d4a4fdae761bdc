import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { FusionError } from '../../contract/errors'
import { BYTE_LETTERS, ClipTokenizer, type Vocabulary } from './tokenizer'

/** The number of merges of CLIP's own table: 49 152 tokens without 256 bytes and the special tokens. */
const CLIP_MERGES = 49_152 - 256 - 2

/**
 * The tokenizer of a pipeline's `tokenizer` or `tokenizer_2` folder: vocab.json and merges.txt, or tokenizer.json where
 * those are missing; the padding token from special_tokens_map.json or tokenizer_config.json.
 * @throws FusionError 'not-found' or 'malformed', naming the file
 */
export function loadTokenizer(folder: string): ClipTokenizer {
  const vocabulary = existsSync(join(folder, 'vocab.json')) ? readVocabulary(folder) : readTokenizerJson(folder)
  return new ClipTokenizer(vocabulary, padTokenOf(folder))
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
  const path = join(folder, 'vocab.json')
  const merges = readBytes(join(folder, 'merges.txt')).toString('utf8').split(/\r?\n/)
  const first = merges[0]!.startsWith('#version') ? 1 : 0
  return { ids: idsOf(readJson(path), path), merges: merges.slice(first).filter(Boolean).map(pairOf) }
}

function readTokenizerJson(folder: string): Vocabulary {
  const path = join(folder, 'tokenizer.json')
  const { model } = readJson(path)
  if (!isRecord(model) || !isRecord(model['vocab']) || !Array.isArray(model['merges'])) {
    throw new FusionError('malformed', `${path} holds no byte-pair encoding.`)
  }
  const merges = model['merges'].map((merge: unknown) => pairOf(Array.isArray(merge) ? merge.join(' ') : String(merge)))
  return { ids: idsOf(model['vocab'], path), merges }
}

/** A padding token is named in one of two files, as text or as an object with `content`. */
function padTokenOf(folder: string): string | undefined {
  for (const name of ['tokenizer_config.json', 'special_tokens_map.json']) {
    const path = join(folder, name)
    if (!existsSync(path)) continue
    const token = readJson(path)['pad_token']
    if (typeof token === 'string') return token
    if (isRecord(token) && typeof token['content'] === 'string') return token['content']
  }
  return undefined
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

function readJson(path: string): Record<string, unknown> {
  const text = readBytes(path).toString('utf8')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new FusionError('malformed', `${path} is not JSON.`, { detail: String(cause), cause })
  }
  if (!isRecord(parsed)) throw new FusionError('malformed', `${path} is not a JSON object.`)
  return parsed
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new FusionError('not-found', `${path} cannot be read.`, {
      detail: String(cause),
      hint: 'A pipeline folder needs its tokenizer files: vocab.json and merges.txt, or tokenizer.json.',
      cause,
    })
  }
}
