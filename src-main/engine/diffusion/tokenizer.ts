import { FusionError } from '../../contract/errors'

/** Tokens of one text encoder's input, with both ends. */
export const TOKEN_LIMIT = 77

const START = '<|startoftext|>'
const END = '<|endoftext|>'
const SPACES = /\p{White_Space}+/gu
const WORDS = /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu
/** A special token that stands in the text as text falls apart into these. */
const PARTS = /\p{L}+|\p{N}|[^\p{L}\p{N}]+/gu
const END_OF_WORD = '</w>'
const CACHED_WORDS = 20_000

/** What a tokenizer is made of. */
export interface Vocabulary {
  /** vocab.json: token → id. */
  ids: ReadonlyMap<string, number>
  /** merges.txt: pairs of symbols, most frequent first. */
  merges: readonly (readonly [string, string])[]
}

/**
 * CLIP's byte-pair encoding, as transformers' CLIPTokenizer does it: NFC, white space to one space, lower case by
 * character; special tokens cut out first; words, single digits, runs of other characters; bytes; merges.
 */
export class ClipTokenizer {
  readonly startId: number
  readonly endId: number
  readonly padId: number
  private readonly ids: ReadonlyMap<string, number>
  private readonly ranks: ReadonlyMap<string, number>
  private readonly padToken: string
  /** Words that stand for ids of their own, as the normalised text has them; longest first. */
  private readonly added: ReadonlyMap<string, readonly number[]>
  private readonly cache = new Map<string, readonly number[]>()

  /**
   * @param padToken `!` for SD 2 and SDXL's second encoder, else `<|endoftext|>`; special wherever it stands
   * @param added words of textual inversions and the ids that they stand for, found anywhere and in any case of letters
   * @throws FusionError 'malformed' if the vocabulary lacks a special token, 'validation' for a word that it has
   */
  constructor(
    private readonly vocabulary: Vocabulary,
    padToken: string = END,
    added: ReadonlyMap<string, readonly number[]> = new Map(),
  ) {
    const { ids, merges } = vocabulary
    this.ids = ids
    this.ranks = new Map(merges.map((pair, rank) => [pair.join(' '), rank]))
    this.padToken = padToken
    this.startId = this.special(START)
    this.endId = this.special(END)
    this.padId = this.special(padToken)
    const words = [...added].map(([word, own]) => [normalised(word), own] as const)
    this.added = new Map(words.sort(([a], [b]) => b.length - a.length))
    for (const word of this.added.keys())
      if (word.trim() === '' || ids.has(word) || ids.has(word + END_OF_WORD))
        throw new FusionError('validation', `The word ${JSON.stringify(word)} cannot be added to the vocabulary.`, {
          hint: 'Give the textual inversion a word that the model does not know: TOKEN=FILE.',
        })
  }

  /** The same tokenizer with words of textual inversions. @throws FusionError 'validation' */
  withTokens(added: ReadonlyMap<string, readonly number[]>): ClipTokenizer {
    return new ClipTokenizer(this.vocabulary, this.padToken, added)
  }

  /** What diffusers feeds a text encoder: start, at most 75 tokens, end, padding; 77 ids. */
  encode(prompt: string): number[] {
    const ids = [this.startId, ...this.tokens(prompt, TOKEN_LIMIT - 2), this.endId]
    return [...ids, ...Array.from({ length: TOKEN_LIMIT - ids.length }, () => this.padId)]
  }

  /** The ids of a text alone, without ends and padding; at most `limit` of them. */
  tokens(text: string, limit = Infinity): number[] {
    const found: number[] = []
    for (const id of this.allTokens(text)) {
      if (found.length >= limit) break
      found.push(id)
    }
    return found
  }

  private *allTokens(text: string): Generator<number> {
    // The padding token is special in the raw text, the others in the normalised one, so in any case of letters.
    const others = [START, END].filter((token) => token !== this.padToken)
    for (const segment of cut(text, [this.padToken])) {
      if (segment === this.padToken) {
        yield this.padId
        continue
      }
      for (const part of cut(normalised(segment), [...this.added.keys(), ...others])) {
        const own = this.added.get(part)
        if (own) {
          yield* own
          continue
        }
        if (others.includes(part)) {
          yield this.special(part)
          continue
        }
        for (const [word] of part.matchAll(WORDS)) {
          const pieces = word === START || word === END ? word.match(PARTS)! : [word]
          for (const piece of pieces) yield* this.tokensOfWord(piece)
        }
      }
    }
  }

  private tokensOfWord(word: string): readonly number[] {
    const known = this.cache.get(word)
    if (known) return known
    const tokens = this.mergedSymbols(word).map((symbol) => this.ids.get(symbol) ?? this.endId)
    if (this.cache.size >= CACHED_WORDS) this.cache.clear()
    this.cache.set(word, tokens)
    return tokens
  }

  private mergedSymbols(word: string): string[] {
    let symbols = Array.from(new TextEncoder().encode(word), (byte) => BYTE_LETTERS[byte]!)
    symbols.push(symbols.pop()! + END_OF_WORD)
    while (symbols.length > 1) {
      let best = Infinity
      let at = 0
      for (let i = 0; i + 1 < symbols.length; i++) {
        const rank = this.ranks.get(`${symbols[i]} ${symbols[i + 1]}`) ?? Infinity
        if (rank < best) [best, at] = [rank, i]
      }
      if (best === Infinity) break
      symbols = mergePair(symbols, symbols[at]!, symbols[at + 1]!)
    }
    return symbols
  }

  private special(token: string): number {
    const id = this.ids.get(token)
    if (id !== undefined) return id
    throw new FusionError('malformed', `The tokenizer's vocabulary has no ${token}.`, {
      hint: 'Its vocab.json and merges.txt must be those of a CLIP tokenizer.',
    })
  }
}

function mergePair(symbols: readonly string[], first: string, second: string): string[] {
  const merged: string[] = []
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === first && symbols[i + 1] === second) {
      merged.push(first + second)
      i++
    } else {
      merged.push(symbols[i]!)
    }
  }
  return merged
}

/** Character by character: a whole string's toLowerCase() would turn a final Σ into ς. */
function normalised(text: string): string {
  return Array.from(text.normalize('NFC').replace(SPACES, ' '), (character) => character.toLowerCase()).join('')
}

/** The text in pieces, special tokens standing alone. */
function cut(text: string, specials: readonly string[]): string[] {
  const escaped = specials.map((token) => token.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return text.split(new RegExp(`(${escaped.join('|')})`, 'u')).filter((piece) => piece !== '')
}

/** GPT-2's table: every byte as a printable letter, the printable ones as themselves. */
export const BYTE_LETTERS: readonly string[] = byteLetters()

function byteLetters(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)
  let extra = 0
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : 256 + extra++))
}
