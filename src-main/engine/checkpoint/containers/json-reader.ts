import { FusionError } from '../../../contract/errors'

/** Deepest nesting that serde_json reads (its remaining_depth starts at 128 and must stay above 0). */
const MAX_DEPTH = 127
/** Digits of the largest u64, 18446744073709551615. */
const U64_DIGITS = 20
/** As many digits as a number holds whatever they are. */
const SAFE_DIGITS = 15
const U64_MAX = 0xffff_ffff_ffff_ffffn

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const UNSIGNED = /^[0-9]+$/
const HEX4 = /^[0-9a-fA-F]{4}$/
const ESCAPES: Record<string, string> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/**
 * A pull reader for JSON that accepts what serde_json accepts and shows what JSON.parse hides: duplicate keys, number
 * syntax, integers beyond 2^53. Every fault is a FusionError of kind 'malformed' that names the source and position.
 */
export class JsonReader {
  private at = 0
  private depth = 0

  /** No escape and no control character anywhere, as headers are written: a string ends at the next quote. */
  private readonly isPlain: boolean

  constructor(
    private readonly text: string,
    private readonly source: string,
  ) {
    this.isPlain = !/[\\\p{Cc}]/u.test(text)
  }

  /** The first character of the next value, white space skipped; '' at the end. */
  peek(): string {
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return this.text[this.at] as string
    }
    return ''
  }

  /** Reads an object; `visit` is called after each key and must read exactly its value. */
  object(visit: (key: string) => void): void {
    this.enter('{')
    if (this.peek() === '}') return this.leave()
    do {
      const key = this.string()
      this.expect(':')
      visit(key)
    } while (this.more('}'))
  }

  /** Reads an array; `visit` is called before each element and must read exactly that element. */
  array(visit: (index: number) => void): void {
    this.enter('[')
    if (this.peek() === ']') return this.leave()
    let index = 0
    do visit(index++)
    while (this.more(']'))
  }

  string(): string {
    this.expect('"')
    if (this.isPlain) {
      const end = this.text.indexOf('"', this.at)
      if (end < 0) this.fail('a string does not end')
      const plain = this.text.slice(this.at, end)
      this.at = end + 1
      return plain
    }
    let value = ''
    let start = this.at
    for (;;) {
      const code = this.text.charCodeAt(this.at)
      if (Number.isNaN(code)) this.fail('a string does not end')
      if (code < 0x20) this.fail('a control character in a string')
      if (code === 0x22) return value + this.text.slice(start, this.at++)
      if (code !== 0x5c) {
        this.at++
        continue
      }
      value += this.text.slice(start, this.at++) + this.escape()
      start = this.at
    }
  }

  /** An unsigned 64-bit integer, without sign, fraction or exponent; a bigint where a number cannot hold it. */
  unsigned(): number | bigint {
    this.peek()
    const start = this.at
    let value = 0
    let end = start
    for (; end < start + SAFE_DIGITS; end++) {
      const digit = this.text.charCodeAt(end) - 0x30
      if (!(digit >= 0 && digit <= 9)) break
      value = 10 * value + digit
    }
    const next = this.text.charCodeAt(end)
    if (value > 0 && this.text.charCodeAt(start) !== 0x30 && (next === 0x2c || next === 0x5d)) {
      this.at = end // the usual case, told by the ',' or ']' after it
      return value
    }
    return this.anyUnsigned()
  }

  /** Reads and drops any one value. */
  skip(): void {
    const first = this.peek()
    if (first === '{') this.object(() => this.skip())
    else if (first === '[') this.array(() => this.skip())
    else if (first === '"') this.string()
    else if (first === 't') this.literal('true')
    else if (first === 'f') this.literal('false')
    else if (first === 'n') this.literal('null')
    else if (!Number.isFinite(Number(this.number()))) this.fail('a number out of range')
  }

  literal(word: 'true' | 'false' | 'null'): void {
    this.peek()
    if (!this.text.startsWith(word, this.at)) this.fail('an unknown word')
    this.at += word.length
  }

  /** Nothing but white space may follow. */
  end(): void {
    if (this.peek() !== '') this.fail('characters after the end')
  }

  fail(what: string): never {
    throw new FusionError('malformed', `${this.source} is not valid: ${what} (at character ${this.at}).`, {
      hint: 'The file is damaged or incomplete. Download or export it again.',
    })
  }

  private anyUnsigned(): number | bigint {
    const digits = this.number()
    if (!UNSIGNED.test(digits)) this.fail(`${digits} is not an unsigned integer`)
    const value = digits.length > U64_DIGITS ? U64_MAX + 1n : BigInt(digits)
    if (value > U64_MAX) this.fail('an integer beyond 64 bits')
    return value > Number.MAX_SAFE_INTEGER ? value : Number(value)
  }

  private number(): string {
    this.peek()
    NUMBER.lastIndex = this.at
    const match = NUMBER.exec(this.text)
    if (!match) this.fail('a value is missing or has a wrong type')
    this.at += match[0].length
    return match[0]
  }

  private escape(): string {
    const letter = this.text[this.at++] ?? ''
    if (letter !== 'u') return ESCAPES[letter] ?? this.fail('an unknown escape')
    const unit = this.hex()
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit)
    const low = unit < 0xdc00 && this.text.startsWith('\\u', this.at) ? ((this.at += 2), this.hex()) : 0
    if (low < 0xdc00 || low > 0xdfff) this.fail('half of a surrogate pair')
    return String.fromCharCode(unit, low)
  }

  private hex(): number {
    const digits = this.text.slice(this.at, this.at + 4)
    if (!HEX4.test(digits)) this.fail('an escape that is not hexadecimal')
    this.at += 4
    return Number.parseInt(digits, 16)
  }

  private expect(character: string): void {
    if (this.peek() !== character) this.fail(`'${character}' expected`)
    this.at++
  }

  private enter(character: string): void {
    this.expect(character)
    if (++this.depth > MAX_DEPTH) this.fail('nested too deeply')
  }

  private leave(): void {
    this.depth--
    this.at++
  }

  /** After an element: true at a comma, false at the closing character, which it reads. */
  private more(close: string): boolean {
    const character = this.peek()
    if (character !== ',' && character !== close) this.fail(`',' or '${close}' expected`)
    if (character === close) {
      this.leave()
      return false
    }
    this.at++
    return true
  }
}
