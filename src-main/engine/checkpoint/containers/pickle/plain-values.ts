import type { ByteReader } from './byte-reader'

/** The state of a random generator is 128 bits. */
const MOST_DIGITS = 400
const MOST_INTEGER_BYTES = 200

/** An integer of `length` bytes in two's complement, the lowest first. */
export function integerOf(reader: ByteReader, length: number): number | bigint {
  if (length > MOST_INTEGER_BYTES || length < 0) reader.fail(`an integer of ${length} bytes`)
  if (length === 0) return 0
  const bytes = Buffer.from(reader.take(length)).reverse()
  const value = BigInt(`0x${bytes.toString('hex')}`)
  return asNumber((bytes[0] as number) < 0x80 ? value : value - (1n << BigInt(8 * length)))
}

/** A line with an integer. @param ending what may stand behind it */
export function textInteger(reader: ByteReader, ending?: RegExp): number | bigint {
  return integerIn(reader, ending ? reader.line().replace(ending, '') : reader.line())
}

/** A line with an integer; Python 2 wrote False and True as 00 and 01. */
export function booleanOrInteger(reader: ByteReader): number | bigint | boolean {
  const line = reader.line()
  return line === '00' || line === '01' ? line === '01' : integerIn(reader, line)
}

/** A line with a float. */
export function textFloat(reader: ByteReader): number {
  const text = reader.line().trim()
  const word = /^([+-]?)(inf|infinity|nan)$/i.exec(text)
  if (word) return /nan/i.test(text) ? NaN : word[1] === '-' ? -Infinity : Infinity
  const value = text === '' ? NaN : Number(text)
  return Number.isNaN(value) ? reader.fail('a text that is no number') : value
}

/** A line with a text between quotes. */
export function quotedText(reader: ByteReader): string {
  const line = reader.line().trim()
  const quote = line[0]
  if (line.length < 2 || (quote !== '"' && quote !== "'") || !line.endsWith(quote)) reader.fail('a text without quotes')
  return unescape(line.slice(1, -1))
}

const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([\\'"nrt]))/g
const LETTERS: Record<string, string> = { n: '\n', r: '\r', t: '\t' }

/** Resolves Python's escapes in a text. */
export function unescape(text: string): string {
  return text.replace(ESCAPE, (all, short?: string, long?: string, byte?: string, letter?: string) => {
    if (letter !== undefined) return LETTERS[letter] ?? letter
    const code = Number.parseInt(short ?? long ?? (byte as string), 16)
    return code > 0x10ffff ? all : String.fromCodePoint(code)
  })
}

function integerIn(reader: ByteReader, text: string): number | bigint {
  if (text.length > MOST_DIGITS || !/^\s*[+-]?\d+\s*$/.test(text)) reader.fail('a text that is no integer')
  return asNumber(BigInt(text.trim().replace(/^\+/, '')))
}

/** A number wherever one can hold the value. */
function asNumber(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
