import { FusionError } from '../../contract/errors'
import { BytePairs, type Vocabulary } from './byte-pairs'
import { repairText, unescapeHtml } from './repair-text'
import { TOKEN_LIMIT } from './tokenizer'

const WORDS = /<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu
const SPACES = /\p{White_Space}+/gu
/** Its names of the special tokens, and CLIP's, under which vocabularies have them. */
const SPECIAL_TOKENS = { '<start_of_text>': '<|startoftext|>', '<end_of_text>': '<|endoftext|>' } as const
const PADDING = 0

/**
 * CLIP's byte-pair encoding as open_clip's SimpleTokenizer does it: texts repaired (ftfy), HTML entities read twice, lower
 * case of the whole string (a final Σ is ς); special tokens of other names; padding by zeros.
 */
export class OpenClipTokenizer {
  private readonly pairs: BytePairs
  private readonly special: ReadonlyMap<string, number>
  private readonly startId: number
  private readonly endId: number

  /** @throws FusionError 'malformed' if the vocabulary lacks a special token */
  constructor({ ids, merges }: Vocabulary) {
    this.special = new Map(
      Object.entries(SPECIAL_TOKENS).map(([name, token]) => {
        const id = ids.get(token)
        if (id === undefined)
          throw new FusionError('malformed', `The tokenizer's vocabulary has no ${token}.`, {
            hint: 'Its vocab.json and merges.txt must be those of a CLIP tokenizer.',
          })
        return [name, id]
      }),
    )
    this.startId = this.special.get('<start_of_text>')!
    this.endId = this.special.get('<end_of_text>')!
    this.pairs = new BytePairs({ ids, merges }, this.endId)
  }

  /** Start, tokens, end and zeros: `length` ids; the end is kept where the text is cut. */
  encode(prompt: string, length = TOKEN_LIMIT): number[] {
    const text = unescapeHtml(unescapeHtml(repairText(prompt)))
      .replace(SPACES, ' ')
      .trim()
      .toLowerCase()
    const ids = [this.startId]
    for (const [word] of text.matchAll(WORDS)) {
      if (ids.length >= length) break
      const special = this.special.get(word)
      ids.push(...(special === undefined ? this.pairs.tokens(word) : [special]))
    }
    const kept = [...ids.slice(0, length - 1), this.endId]
    return [...kept, ...Array.from({ length: length - kept.length }, () => PADDING)]
  }
}
