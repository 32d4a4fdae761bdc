import { FusionError } from '../../contract/errors'
import { AddedTokenFinder, plainToken, type AddedToken } from './added-tokens'
import { BytePairs, END_OF_WORD, type Vocabulary } from './byte-pairs'

/** Tokens of one text encoder's input, with both ends. */
export const TOKEN_LIMIT = 77

const START = '<|startoftext|>'
const END = '<|endoftext|>'
const SPACES = /\p{White_Space}+/gu
const WORDS = /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu
/** A special token that stands in the text as text falls apart into these. */
const PARTS = /\p{L}+|\p{N}|[^\p{L}\p{N}]+/gu

/**
 * CLIP's byte-pair encoding, as transformers' CLIPTokenizer does it: NFC, white space to one space, lower case by
 * character; special tokens cut out first; words, single digits, runs of other characters; bytes; merges.
 */
export class ClipTokenizer {
  readonly startId: number
  readonly endId: number
  readonly padId: number
  private readonly ids: ReadonlyMap<string, number>
  private readonly pairs: BytePairs
  private readonly inRawText: AddedTokenFinder
  private readonly inNormalisedText: AddedTokenFinder

  /**
   * @param padToken `!` for SD 2 and SDXL's second encoder, else `<|endoftext|>`
   * @param added words with ids of their own; if absent the special tokens, as published tokenizers have them
   * @throws FusionError 'malformed' if the vocabulary lacks a special token
   */
  constructor(
    private readonly vocabulary: Vocabulary,
    private readonly padToken: string = END,
    private readonly added: readonly AddedToken[] = publishedSpecials(vocabulary, padToken),
  ) {
    const { ids } = vocabulary
    this.ids = ids
    this.startId = this.special(START)
    this.endId = this.special(END)
    this.pairs = new BytePairs(vocabulary, this.endId)
    this.padId = added.find(({ content }) => content === padToken)?.ids[0] ?? this.special(padToken)
    this.inRawText = new AddedTokenFinder(added.filter(({ normalized }) => !normalized))
    this.inNormalisedText = new AddedTokenFinder(
      added.filter(({ normalized }) => normalized),
      normalise,
    )
  }

  /**
   * The same tokenizer with words of textual inversions, found anywhere and in any case of letters.
   * @throws FusionError 'validation' for a word that the model knows
   */
  withTokens(words: ReadonlyMap<string, readonly number[]>): ClipTokenizer {
    const known = new Set(this.added.map(({ content }) => normalise(content)))
    for (const word of words.keys()) {
      const found = normalise(word)
      if (found.trim() === '' || known.has(found) || this.ids.has(found) || this.ids.has(found + END_OF_WORD))
        throw new FusionError('validation', `The word ${JSON.stringify(word)} cannot be added to the vocabulary.`, {
          hint: 'Give the textual inversion a word that the model does not know: TOKEN=FILE.',
        })
    }
    const own = [...words].map(([word, ids]) => plainToken(word, ids, true))
    return new ClipTokenizer(this.vocabulary, this.padToken, [...this.added, ...own])
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
    for (const piece of this.inRawText.cut(text)) {
      if (typeof piece !== 'string') {
        yield* piece.ids
        continue
      }
      for (const part of this.inNormalisedText.cut(normalise(piece))) {
        if (typeof part !== 'string') {
          yield* part.ids
          continue
        }
        for (const [word] of part.matchAll(WORDS)) {
          const pieces = word === START || word === END ? word.match(PARTS)! : [word]
          for (const own of pieces) yield* this.pairs.tokens(own)
        }
      }
    }
  }

  private special(token: string): number {
    const id = this.ids.get(token)
    if (id !== undefined) return id
    throw new FusionError('malformed', `The tokenizer's vocabulary has no ${token}.`, {
      hint: 'Its vocab.json and merges.txt must be those of a CLIP tokenizer.',
    })
  }
}

/** Character by character: a whole string's toLowerCase() would turn a final Σ into ς. */
function normalise(text: string): string {
  return Array.from(text.normalize('NFC').replace(SPACES, ' '), (character) => character.toLowerCase()).join('')
}

/** The padding token counts in the raw text, the others in the normalised one. */
function publishedSpecials({ ids }: Vocabulary, padToken: string): AddedToken[] {
  return [START, END, padToken].flatMap((token, index, all) => {
    const id = ids.get(token)
    const isPad = token === padToken
    return id === undefined || all.lastIndexOf(token) !== index ? [] : [plainToken(token, [id], !isPad)]
  })
}
