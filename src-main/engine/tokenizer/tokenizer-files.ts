import { join } from 'node:path'
import { FusionError } from '../../contract/errors'
import { isObject } from '../../contract/values/json-text'
import { readJsonObjectSync } from '../files/reading/json-object'
import { isThere, readSmallFileSync } from '../files/reading/regular-file'
import { SMALL_FILES } from '../files/reading/small-files'
import { plainToken, type AddedToken } from './added-tokens'

/** Named special tokens, in the order in which transformers adds them, with CLIPTokenizer's defaults. */
const SPECIAL_TOKENS = {
  bos_token: '<|startoftext|>',
  eos_token: '<|endoftext|>',
  unk_token: '<|endoftext|>',
  sep_token: null,
  pad_token: '<|endoftext|>',
  cls_token: null,
  mask_token: null,
} as const

/** A token before it has its ids. */
type Declared = Omit<AddedToken, 'ids'>

/**
 * The added tokens of a tokenizer's folder, special ones among them, as transformers 5 finds them: `added_tokens_decoder`
 * of tokenizer_config.json; without it special_tokens_map.json, added_tokens.json and tokenizer.json.
 * @param ids of the vocabulary; a token that it lacks gets the next id
 * @throws FusionError 'malformed', naming the file
 */
export function readAddedTokens(
  folder: string,
  ids: ReadonlyMap<string, number>,
): { padToken: string; added: AddedToken[] } {
  const config = readIfThere(folder, 'tokenizer_config.json')
  const isWhole = isObject(config['added_tokens_decoder'])
  const settings = isWhole ? config : { ...config, ...readIfThere(folder, 'special_tokens_map.json') }
  const numbered = isWhole ? decoderTokens(config['added_tokens_decoder']) : legacyTokens(folder, settings)
  const declared = new Map(numbered.toSorted(([a], [b]) => a - b).map(([, token]) => [token.content, token]))
  const known = new Set(declared.keys())
  for (const token of specialTokens(settings)) {
    // A later name for the same content decides how it is looked for.
    if (!known.has(token.content)) declared.set(token.content, token)
  }
  let next = ids.size
  const added = [...declared.values()].map((token) => ({ ...token, ids: [ids.get(token.content) ?? next++] }))
  return { padToken: contentOf(settings['pad_token']) ?? SPECIAL_TOKENS.pad_token, added }
}

function decoderTokens(decoder: unknown): [number, Declared][] {
  const entries = isObject(decoder) ? Object.entries(decoder) : []
  return entries.flatMap(([id, value]): [number, Declared][] => {
    const token = tokenOf(value, isObject(value) && value['special'] === true)
    return token ? [[Number(id), token]] : []
  })
}

function legacyTokens(folder: string, settings: Record<string, unknown>): [number, Declared][] {
  const specials = new Set(specialTokens(settings).map(({ content }) => content))
  const numbered = Object.entries(readIfThere(folder, 'added_tokens.json')).map(([content, id]): [number, Declared] => [
    Number(id),
    plainToken(content, [], !specials.has(content)),
  ])
  const { added_tokens: listed } = readIfThere(folder, 'tokenizer.json')
  for (const value of Array.isArray(listed) ? listed : []) {
    const token = tokenOf(value, isObject(value) && value['special'] === true)
    if (token && isObject(value)) numbered.push([Number(value['id']), token])
  }
  return numbered
}

function specialTokens(settings: Record<string, unknown>): Declared[] {
  const named = Object.entries(SPECIAL_TOKENS).map(([name, standard]) => settings[name] ?? standard)
  const others = ['additional_special_tokens', 'extra_special_tokens'].flatMap((key) => {
    const list = settings[key]
    return Array.isArray(list) ? (list as unknown[]) : []
  })
  return [...named, ...others].flatMap((value) => tokenOf(value, true) ?? [])
}

/** A token as text or as an object with flags. @param special of which `normalized` is false where nothing says it */
function tokenOf(value: unknown, special: boolean): Declared | undefined {
  const content = contentOf(value)
  if (content === undefined || content === '') return undefined
  if (!isObject(value)) return plainToken(content, [], !special)
  const is = (key: string, standard: boolean): boolean => (value[key] === undefined ? standard : value[key] === true)
  return {
    content,
    normalized: is('normalized', !special),
    singleWord: is('single_word', false),
    lstrip: is('lstrip', false),
    rstrip: is('rstrip', false),
  }
}

function contentOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return isObject(value) && typeof value['content'] === 'string' ? value['content'] : undefined
}

function readIfThere(folder: string, name: string): Record<string, unknown> {
  const path = join(folder, name)
  return isThere(path) ? readJson(path) : {}
}

/** @throws FusionError 'not-found', 'malformed' */
export function readJson(path: string): Record<string, unknown> {
  return withHint(() => readJsonObjectSync(path, SMALL_FILES.tokenizer))
}

/** @throws FusionError 'not-found' */
export function readBytes(path: string): Buffer {
  return withHint(() => readSmallFileSync(path, SMALL_FILES.tokenizer))
}

/** Says of a missing file what it is for. */
function withHint<Result>(read: () => Result): Result {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof FusionError) || cause.kind !== 'not-found') throw cause
    throw new FusionError('not-found', cause.message, {
      hint: 'A pipeline folder needs its tokenizer files: vocab.json and merges.txt, or tokenizer.json.',
      cause,
    })
  }
}
