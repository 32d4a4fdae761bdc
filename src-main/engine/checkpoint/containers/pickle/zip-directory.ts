import { type FusionError } from '../../../../contract/errors'
import { malformedPickle } from './byte-reader'
import type { FileReader } from './file-reader'

/** A file in a zip archive, stored as it is. */
export interface ZipEntry {
  /** One character for each byte. */
  name: string
  /** First byte of its contents, counted from the start of the archive. */
  offset: number
  byteLength: number
  /** Whether its contents are stored in a shorter form than they have. */
  isCompressed: boolean
}

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const END_64 = 0x06064b50
const LOCATOR_64 = 0x07064b50
const LOCAL_BYTES = 30
const CENTRAL_BYTES = 46
const END_BYTES = 22
const END_64_BYTES = 56
const LOCATOR_64_BYTES = 20
const EXTRA_64 = 1
/** Signature, check sum, and two sizes of 8 bytes. */
const MOST_DESCRIPTOR_BYTES = 24
/** A directory with 200,000 long names. */
const MOST_DIRECTORY_BYTES = 64e6
const U16_MAX = 0xffff
const U32_MAX = 0xffff_ffff
/** Encrypted contents, encrypted headers, patches. */
const UNREADABLE_FLAGS = 0x0001 | 0x0020 | 0x0040 | 0x2000
/** Names that stay in the archive's own folder, however another program unpacks them. */
const INSIDE = /^(?!\/|[A-Za-z]:)(?!.*(?:^|\/)\.{1,2}(?:\/|$))[^\p{Cc}\\]+$/u
const LINK = 0o120000
const KIND_OF_FILE = 0o170000

interface CentralEntry extends ZipEntry {
  /** First byte of its local header. */
  header: number
}

/**
 * The files in a zip archive that holds nothing in a second sense: one directory, at its end, which says where every file
 * is; no two files in one place or of one name; nothing encrypted or linked. What other readers might read
 * differently is refused.
 *
 * @throws FusionError 'malformed', 'unsupported', naming what is wrong with which file
 */
export function readZipDirectory(file: FileReader): ZipEntry[] {
  const { start, byteLength, count } = findDirectory(file)
  if (byteLength > MOST_DIRECTORY_BYTES) throw malformed(file, `its directory has ${byteLength} bytes`)
  const bytes = file.read(start, byteLength)
  const entries: CentralEntry[] = []
  let at = 0
  for (; at < byteLength && entries.length < count; at += entryLength(bytes, at))
    entries.push(readCentral(file, bytes, at))
  if (at !== byteLength || entries.length !== count) throw malformed(file, 'its directory is not as long as it says')
  requireOneName(file, entries)
  requireOnePlace(file, entries, start)
  return entries
}

function findDirectory(file: FileReader): { start: number; byteLength: number; count: number } {
  if (file.size < END_BYTES) throw malformed(file, 'it is too short')
  const place = file.size - END_BYTES
  const end = file.read(place, END_BYTES)
  if (end.readUInt32LE(0) !== END || end.readUInt16LE(20) !== 0)
    throw malformed(file, 'the archive (zip) in it does not end where the file ends')
  const short = {
    count: end.readUInt16LE(10),
    byteLength: end.readUInt32LE(12),
    start: end.readUInt32LE(16),
  }
  if (end.readUInt16LE(4) !== 0 || end.readUInt16LE(6) !== 0 || end.readUInt16LE(8) !== short.count)
    throw malformed(file, 'it is a part of a larger archive')
  const long = findDirectory64(file, place)
  const found = long ?? { ...short, end: place }
  // Where both say something, they must say the same: other readers take the one or the other.
  const agree =
    !long ||
    ((short.count === U16_MAX || short.count === long.count) &&
      (short.byteLength === U32_MAX || short.byteLength === long.byteLength) &&
      (short.start === U32_MAX || short.start === long.start))
  if (!agree) throw malformed(file, 'its archive has two directories')
  if (found.start + found.byteLength !== found.end)
    throw malformed(file, 'its archive has something between its directory and its end')
  return found
}

/** What an archive of more than 4 GB, or of PyTorch, says in numbers of 8 bytes. */
function findDirectory64(
  file: FileReader,
  end: number,
): { start: number; byteLength: number; count: number; end: number } | undefined {
  const place = end - LOCATOR_64_BYTES - END_64_BYTES
  if (place < 0) return undefined
  const bytes = file.read(place, END_64_BYTES + LOCATOR_64_BYTES)
  const locator = bytes.subarray(END_64_BYTES)
  if (locator.readUInt32LE(0) !== LOCATOR_64) return undefined
  const isRight =
    bytes.readUInt32LE(0) === END_64 &&
    long(bytes, 4) === END_64_BYTES - 12 &&
    long(locator, 8) === place &&
    locator.readUInt32LE(4) === 0 &&
    bytes.readUInt32LE(16) === 0 &&
    bytes.readUInt32LE(20) === 0 &&
    long(bytes, 24) === long(bytes, 32)
  if (!isRight) throw malformed(file, 'the end of its archive contradicts itself')
  return { count: long(bytes, 32), byteLength: long(bytes, 40), start: long(bytes, 48), end: place }
}

function readCentral(file: FileReader, bytes: Buffer, at: number): CentralEntry {
  if (at + entryLength(bytes, at) > bytes.length || bytes.readUInt32LE(at) !== CENTRAL)
    throw malformed(file, 'its directory is damaged')
  const nameEnd = at + CENTRAL_BYTES + bytes.readUInt16LE(at + 28)
  const name = bytes.toString('latin1', at + CENTRAL_BYTES, nameEnd)
  const fail = (what: string): FusionError => malformed(file, `the file ${inWords(name)} in it ${what}`)
  if (!INSIDE.test(inWords(name))) throw fail('leads out of it')
  if (bytes.readUInt16LE(at + 8) & UNREADABLE_FLAGS) throw fail('is encrypted')
  // Only programs of Unix (3) and macOS (19) say there what kind of file it was.
  const mode = bytes.readUInt16LE(at + 40)
  if ((mode & KIND_OF_FILE) === LINK) throw fail('is a link')
  if (bytes.readUInt16LE(at + 34) !== 0) throw fail('lies in another part of the archive')
  const extra = bytes.subarray(nameEnd, nameEnd + bytes.readUInt16LE(at + 30))
  const [size, stored, header] = longNumbers(
    [bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 42)],
    extra,
  )
  if (size === undefined || stored === undefined || header === undefined) throw fail('has no place')
  const method = bytes.readUInt16LE(at + 10)
  const isCompressed = method !== 0 || size !== stored
  const offset = readLocal(file, { name, header, size, stored, method }, fail)
  return { name, header, byteLength: stored, isCompressed, offset }
}

/** Where a file's contents begin, by the header in front of it, which must agree with the directory. */
function readLocal(
  file: FileReader,
  {
    name,
    header,
    size,
    stored,
    method,
  }: { name: string; header: number; size: number; stored: number; method: number },
  fail: (what: string) => FusionError,
): number {
  if (header + LOCAL_BYTES + name.length > file.size) throw fail('lies behind the end')
  const local = file.read(header, LOCAL_BYTES + name.length)
  const isRight =
    local.readUInt32LE(0) === LOCAL &&
    local.readUInt16LE(8) === method &&
    local.readUInt16LE(26) === name.length &&
    local.toString('latin1', LOCAL_BYTES) === name &&
    // Zero where the size stands behind the contents; all ones where it stands in the extra field.
    [0, U32_MAX, size].includes(local.readUInt32LE(22)) &&
    [0, U32_MAX, stored].includes(local.readUInt32LE(18))
  if (!isRight) throw fail('is not what its directory says')
  return header + LOCAL_BYTES + name.length + local.readUInt16LE(28)
}

function entryLength(bytes: Buffer, at: number): number {
  if (at + CENTRAL_BYTES > bytes.length) return CENTRAL_BYTES
  return CENTRAL_BYTES + bytes.readUInt16LE(at + 28) + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32)
}

/** Numbers of 4 bytes, those that are all ones replaced by the numbers of 8 bytes in an entry's extra field. */
function longNumbers(numbers: readonly number[], extra: Buffer): (number | undefined)[] {
  let at = 0
  while (at + 4 <= extra.length && extra.readUInt16LE(at) !== EXTRA_64) at += 4 + extra.readUInt16LE(at + 2)
  const end = at + 4 <= extra.length ? Math.min(extra.length, at + 4 + extra.readUInt16LE(at + 2)) : 0
  at += 4
  return numbers.map((number) => {
    if (number !== U32_MAX) return number
    if (at + 8 > end) return undefined
    at += 8
    return long(extra, at - 8)
  })
}

function requireOneName(file: FileReader, entries: readonly CentralEntry[]): void {
  const names = new Set<string>()
  for (const { name } of entries) {
    if (names.has(name)) throw malformed(file, `its archive holds two files named ${inWords(name)}`)
    names.add(name)
  }
}

/**
 * Files lie one after the other, from the first byte to the directory, with no more between them than the sizes that may
 * stand behind the contents: no other archive hides there.
 */
function requireOnePlace(file: FileReader, entries: readonly CentralEntry[], directory: number): void {
  let end = 0
  for (const entry of [...entries].sort((a, b) => a.header - b.header)) {
    if (entry.header < end) throw malformed(file, `the file ${inWords(entry.name)} in it overlaps another`)
    if (entry.header > end + (end === 0 ? 0 : MOST_DESCRIPTOR_BYTES))
      throw malformed(file, `something stands in front of the file ${inWords(entry.name)} in it`)
    end = entry.offset + entry.byteLength
  }
  if (end > directory) throw malformed(file, 'its files overlap its directory')
  if (directory > end + MOST_DESCRIPTOR_BYTES) throw malformed(file, 'something stands in front of its directory')
}

/** A number of 8 bytes; one that no file has is infinite. */
function long(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at)
  return value > Number.MAX_SAFE_INTEGER ? Infinity : Number(value)
}

/** A name for messages. */
export function inWords(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8')
}

function malformed(file: FileReader, what: string): FusionError {
  return malformedPickle(file.path, what)
}
