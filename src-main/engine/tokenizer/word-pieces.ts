import { FusionError } from '../../contract/errors'
import { readSmallTextSync } from '../files/reading/regular-file'
import { SMALL_FILES } from '../files/reading/small-files'
import { AddedTokenFinder, plainToken } from './added-tokens'

/** Code points of the longest word that is cut into pieces. */
const MOST_LETTERS = 100
/** In front of a piece that goes on with a word. */
const GOES_ON = '##'

const PADDING = '[PAD]'
const UNKNOWN = '[UNK]'
const FIRST = '[CLS]'
const LAST = '[SEP]'
const SPECIAL_TOKENS = [PADDING, UNKNOWN, FIRST, LAST, '[MASK]']

const REMOVED = /[\0\ufffd]|(?![\t\n\r])\p{C}/gu
const IDEOGRAPH =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu
/** Unicode's punctuation, and what of ASCII looks like it. */
const PUNCTUATION = /[\p{P}$+<=>^`|~]/gu
const MARKS = /\p{Mn}/gu
const SPACES = /\p{White_Space}+/u

/** A prompt for BERT. */
export interface WordPieceInput {
  ids: number[]
  /** 1 for tokens, 0 for padding. */
  mask: number[]
}

/**
 * BERT's tokenizer for texts in any case of letters (transformers' BertTokenizer): control characters go, ideographs are
 * words, lower case by character, accents go, punctuation stands alone; then the longest pieces that the vocabulary has.
 */
export class WordPieceTokenizer {
  private readonly ids: ReadonlyMap<string, number>
  private readonly specials: AddedTokenFinder

  /**
   * @param lines of vocab.txt: a token's line is its id
   * @param added special tokens that follow the vocabulary
   * @throws FusionError 'malformed' where a special token is missing
   */
  constructor(lines: readonly string[], added: readonly string[] = []) {
    const ids = new Map(lines.map((token, id) => [token, id]))
    added.forEach((token, index) => ids.set(token, lines.length + index))
    this.ids = ids
    for (const token of SPECIAL_TOKENS) this.idOf(token)
    const specials = [...SPECIAL_TOKENS, ...added]
    this.specials = new AddedTokenFinder(specials.map((token) => plainToken(token, [this.idOf(token)], false)))
  }

  /** One more than the highest id. */
  get size(): number {
    return Math.max(...this.ids.values()) + 1
  }

  /** [CLS], the text's pieces, [SEP], and padding up to `length`. */
  encode(text: string, length: number): WordPieceInput {
    const pieces: number[] = []
    for (const piece of this.pieces(text)) {
      if (pieces.length >= length - 2) break
      pieces.push(piece)
    }
    const ids = [this.idOf(FIRST), ...pieces, this.idOf(LAST)]
    const padding = Array.from({ length: length - ids.length }, () => this.idOf(PADDING))
    return { ids: [...ids, ...padding], mask: [...ids.map(() => 1), ...padding.map(() => 0)] }
  }

  private *pieces(text: string): Generator<number> {
    for (const part of this.specials.cut(text)) {
      if (typeof part === 'string') for (const word of words(part)) yield* this.piecesOf(word)
      else yield* part.ids
    }
  }

  /** One unknown piece makes the whole word unknown. */
  private piecesOf(word: string): number[] {
    const letters = [...word]
    const unknown = [this.idOf(UNKNOWN)]
    if (letters.length > MOST_LETTERS) return unknown
    const found: number[] = []
    for (let start = 0; start < letters.length;) {
      const prefix = start === 0 ? '' : GOES_ON
      let end = letters.length
      let id: number | undefined
      for (; end > start; end--) {
        id = this.ids.get(prefix + letters.slice(start, end).join(''))
        if (id !== undefined) break
      }
      if (id === undefined) return unknown
      found.push(id)
      start = end
    }
    return found
  }

  private idOf(token: string): number {
    const id = this.ids.get(token)
    if (id !== undefined) return id
    throw new FusionError('malformed', `The vocabulary of word pieces has no ${token}.`, {
      hint: 'Use the vocab.txt of bert-base-uncased, with one token in each line.',
    })
  }
}

/**
 * Reads a vocab.txt: one token in each line.
 * @throws FusionError 'not-found', 'unreadable', 'malformed'
 */
export function readWordPieces(path: string): string[] {
  const lines = readSmallTextSync(path, SMALL_FILES.tokenizer).split(/\r?\n/)
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

function words(text: string): string[] {
  const kept = text.replace(REMOVED, '').replace(IDEOGRAPH, ' $& ')
  // Character by character: a whole string's toLowerCase() would turn a final Σ into ς.
  const small = Array.from(kept, (character) => character.toLowerCase()).join('')
  const plain = small.normalize('NFD').replace(MARKS, '').replace(PUNCTUATION, ' $& ')
  return plain.split(SPACES).filter(Boolean)
}
