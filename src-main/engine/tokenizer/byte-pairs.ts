const CACHED_WORDS = 20_000

export const END_OF_WORD = '</w>'

/** What a byte-pair encoding is made of. */
export interface Vocabulary {
  /** vocab.json: token → id. */
  ids: ReadonlyMap<string, number>
  /** merges.txt: pairs of symbols, most frequent first. */
  merges: readonly (readonly [string, string])[]
}

/** Byte-pair encoding of single words, each of which ends with END_OF_WORD; the words seen last are kept. */
export class BytePairs {
  private readonly ids: ReadonlyMap<string, number>
  private readonly ranks: ReadonlyMap<string, number>
  private readonly cache = new Map<string, readonly number[]>()

  /** @param unknownId of symbols that the vocabulary does not have */
  constructor(
    { ids, merges }: Vocabulary,
    private readonly unknownId: number,
  ) {
    this.ids = ids
    this.ranks = new Map(merges.map((pair, rank) => [pair.join(' '), rank]))
  }

  tokens(word: string): readonly number[] {
    const known = this.cache.get(word)
    if (known) return known
    const tokens = this.mergedSymbols(word).map((symbol) => this.ids.get(symbol) ?? this.unknownId)
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

/** GPT-2's table: every byte as a printable letter, the printable ones as themselves. */
export const BYTE_LETTERS: readonly string[] = byteLetters()

function byteLetters(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)
  let extra = 0
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : 256 + extra++))
}
