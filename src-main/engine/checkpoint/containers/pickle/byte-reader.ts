import { isUtf8 } from 'node:buffer'
import { FusionError } from '../../../../contract/errors'

/** Longest line of a pickle's text opcodes: a name, a number, a string. */
const MOST_LINE_BYTES = 100_000

/** The bytes at hand end before the pickle does; with more of the file it may be whole. */
export class PickleEndsEarly extends FusionError {
  constructor(source: string) {
    super('malformed', `${source} is not a valid PyTorch file: its pickle does not end.`, {
      hint: 'The file is damaged or incomplete. Download or export it again.',
    })
  }
}

/** @returns the error of a pickle that breaks its format, with where it does */
export function malformedPickle(source: string, what: string): FusionError {
  return new FusionError('malformed', `${source} is not a valid PyTorch file: ${what}.`, {
    hint: 'The file is damaged or incomplete. Download or export it again.',
  })
}

/** UTF-8 as text; undefined where it is none. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  if (!isUtf8(bytes)) return undefined
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** Reads numbers and runs of bytes one after the other. Whatever lengths are asked for, nothing is taken beyond the end. */
export class ByteReader {
  private readonly view: DataView

  /** @param source how errors name the file */
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
    readonly source: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u8(): number {
    return this.view.getUint8(this.skip(1))
  }

  u16(): number {
    return this.view.getUint16(this.skip(2), true)
  }

  i32(): number {
    return this.view.getInt32(this.skip(4), true)
  }

  u32(): number {
    return this.view.getUint32(this.skip(4), true)
  }

  /** A length of 8 bytes; one that no file has is infinite. */
  u64(): number {
    const value = this.view.getBigUint64(this.skip(8), true)
    return value > Number.MAX_SAFE_INTEGER ? Infinity : Number(value)
  }

  /** A float64 with its first byte first. */
  f64(): number {
    return this.view.getFloat64(this.skip(8), false)
  }

  /** A run of bytes, not copied. */
  take(count: number): Uint8Array {
    const start = this.skip(count)
    return this.bytes.subarray(start, start + count)
  }

  /** UTF-8 as PyTorch reads names. */
  text(count: number): string {
    return decodeUtf8(this.take(count)) ?? this.fail('a text is not UTF-8')
  }

  /** A line without its end. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at)
    if (end < 0) throw new PickleEndsEarly(this.source)
    if (end - this.at > MOST_LINE_BYTES) this.fail(`a line of ${end - this.at} bytes`)
    const line = this.text(end - this.at)
    this.at++
    return line.endsWith('\r') ? line.slice(0, -1) : line
  }

  fail(what: string): never {
    throw malformedPickle(this.source, `${what} (at byte ${this.at} of its pickle)`)
  }

  private skip(count: number): number {
    const start = this.at
    if (start + count > this.bytes.byteLength) throw new PickleEndsEarly(this.source)
    this.at += count
    return start
  }
}
