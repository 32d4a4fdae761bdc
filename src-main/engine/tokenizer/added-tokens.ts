/** A word that stands for ids of its own wherever it stands in a text (tokenizers' AddedToken). */
export interface AddedToken {
  content: string
  ids: readonly number[]
  /** Looked for in the normalised text, so in any case of letters; else in the text as it was given. */
  normalized: boolean
  /** Not inside of longer words. */
  singleWord: boolean
  /** Takes the white space before it, after it. */
  lstrip: boolean
  rstrip: boolean
}

/** A word without further conditions. */
export function plainToken(content: string, ids: readonly number[], normalized: boolean): AddedToken {
  return { content, ids, normalized, singleWord: false, lstrip: false, rstrip: false }
}

const WORD_BEFORE = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u
const WORD_AFTER = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u
const SPACES_BEFORE = /\p{White_Space}*$/u
const SPACES_AFTER = /^\p{White_Space}*/u

/** Finds added tokens in texts: the leftmost first, of several at one place the longest. */
export class AddedTokenFinder {
  private readonly tokens: ReadonlyMap<string, AddedToken>
  private readonly pattern: RegExp | null

  /** @param normalise what is done to the text before tokens are looked for in it, and so to them */
  constructor(tokens: readonly AddedToken[], normalise: (text: string) => string = (text) => text) {
    const named = tokens.map((token) => [normalise(token.content), token] as const).filter(([text]) => text !== '')
    this.tokens = new Map(named)
    const words = [...this.tokens.keys()].sort((a, b) => b.length - a.length)
    const escaped = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
    this.pattern = words.length > 0 ? new RegExp(escaped.join('|'), 'gu') : null
  }

  /** The text in pieces, added tokens standing alone. */
  *cut(text: string): Generator<string | AddedToken> {
    let rest = 0
    for (const match of this.pattern ? text.matchAll(this.pattern) : []) {
      const token = this.tokens.get(match[0])!
      const [before, after] = [text.slice(0, match.index), text.slice(match.index + match[0].length)]
      if (token.singleWord && (WORD_BEFORE.test(before) || WORD_AFTER.test(after))) continue
      const start = token.lstrip ? before.length - SPACES_BEFORE.exec(before)![0].length : before.length
      if (start > rest) yield text.slice(rest, start)
      yield token
      rest = text.length - after.length + (token.rstrip ? SPACES_AFTER.exec(after)![0].length : 0)
    }
    if (rest < text.length) yield text.slice(rest)
  }
}
