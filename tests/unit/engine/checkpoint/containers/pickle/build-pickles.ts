import { crc32 } from 'node:zlib'

/** A piece of a pickle: bytes, or text of one character for each byte. */
export type Piece = Buffer | string

export const bytes = (...pieces: Piece[]): Buffer =>
  Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)))

export const u8 = (value: number): Buffer => Buffer.from([value])
export const u32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value)
  return buffer
}
export const u64 = (value: number | bigint): Buffer => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt(value))
  return buffer
}

/** Operations of pickles, by the names of Python's pickletools. */
export const proto = (version = 2): Buffer => bytes('\x80', u8(version))
export const text = (value: string): Buffer => bytes('X', u32(Buffer.byteLength(value)), Buffer.from(value))
export const int = (value: number): Buffer => bytes('J', u32(value >>> 0))
export const long = (value: number): Buffer => bytes('\x8a', u8(8), u64(value))
export const global = (module: string, name: string): Buffer => bytes(`c${module}\n${name}\n`)
export const stackGlobal = (module: Piece, name: Piece): Buffer => bytes(module, name, '\x93')
export const tuple = (...items: Piece[]): Buffer => bytes('(', ...items, 't')
export const list = (...items: Piece[]): Buffer => bytes('](', ...items, 'e')
export const reduce = (maker: Piece, ...args: Piece[]): Buffer => bytes(maker, tuple(...args), 'R')
export const dict = (entries: Record<string, Piece>): Buffer =>
  bytes('}(', ...Object.entries(entries).map(([key, value]) => bytes(text(key), value)), 'u')

export interface TensorOptions {
  key?: string
  storage?: string
  /** Elements of the storage. */
  count?: number
  start?: number
  shape?: readonly number[]
  strides?: readonly number[]
}

/** A tensor as torch.save pickles it. */
export function tensor({
  key = '0',
  storage = 'FloatStorage',
  count = 4,
  start = 0,
  ...more
}: TensorOptions = {}): Buffer {
  const shape = more.shape ?? [count]
  const strides = more.strides ?? shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1))
  const id = tuple(text('storage'), global('torch', storage), text(key), text('cpu'), long(count))
  return reduce(
    global('torch._utils', '_rebuild_tensor_v2'),
    bytes(id, 'Q'),
    long(start),
    tuple(...shape.map(long)),
    tuple(...strides.map(long)),
    '\x89',
    reduce(global('collections', 'OrderedDict')),
  )
}

/** A pickle of protocol 2. */
export const pickle = (value: Piece): Buffer => bytes(proto(), value, '.')

export interface ZipFileOptions {
  name: string
  data: Piece
  /** As the directory has them, where they differ from the truth. */
  inDirectory?: { name?: string; header?: number; size?: number; method?: number; flags?: number; mode?: number }
  method?: number
  /** Bytes between its header and its data, as PyTorch aligns it. */
  padding?: number
  /** In front of its header. */
  gap?: Piece
}

/** A zip archive, with the faults that are asked for. */
export function zip(
  files: readonly ZipFileOptions[],
  options: { front?: Piece; beforeEnd?: Piece; end?: Piece } = {},
): Buffer {
  const parts: Buffer[] = [bytes(options.front ?? '')]
  const directory: Buffer[] = []
  let at = parts[0]!.length
  const push = (part: Buffer): void => {
    parts.push(part)
    at += part.length
  }
  for (const { name, data, inDirectory = {}, method = 0, padding = 0, gap = '' } of files) {
    push(bytes(gap))
    const header = at
    const contents = bytes(data)
    const fileName = Buffer.from(name)
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(method, 8)
    local.writeUInt32LE(crc32(contents), 14)
    local.writeUInt32LE(contents.length, 18)
    local.writeUInt32LE(contents.length, 22)
    local.writeUInt16LE(fileName.length, 26)
    local.writeUInt16LE(padding, 28)
    push(bytes(local, fileName, Buffer.alloc(padding), contents))
    const listedName = Buffer.from(inDirectory.name ?? name)
    const central = Buffer.alloc(46)
    central.writeUInt32LE(0x02014b50, 0)
    central.writeUInt16LE(inDirectory.flags ?? 0, 8)
    central.writeUInt16LE(inDirectory.method ?? method, 10)
    central.writeUInt32LE(crc32(contents), 16)
    central.writeUInt32LE(inDirectory.size ?? contents.length, 20)
    central.writeUInt32LE(inDirectory.size ?? contents.length, 24)
    central.writeUInt16LE(listedName.length, 28)
    central.writeUInt16LE(inDirectory.mode ?? 0, 40)
    central.writeUInt32LE(inDirectory.header ?? header, 42)
    directory.push(bytes(central, listedName))
  }
  const listed = bytes(...directory)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(listed.length, 12)
  end.writeUInt32LE(at, 16)
  return bytes(...parts, listed, options.beforeEnd ?? '', end, options.end ?? '')
}

/** A file of torch.save: its pickle, and storages of zeros of so many bytes by key. */
export function torchFile(
  data: Piece,
  storages: Readonly<Record<string, number>> = { 0: 16 },
  more: readonly ZipFileOptions[] = [],
): Buffer {
  return zip([
    { name: 'archive/data.pkl', data },
    ...Object.entries(storages).map(([key, size]) => ({
      name: `archive/data/${key}`,
      data: Buffer.alloc(size),
      padding: 20,
    })),
    ...more,
  ])
}

/** The same in the form before PyTorch 1.6: every storage with its number of float32 elements in front. */
export function legacyFile(data: Piece, storages: Readonly<Record<string, number>> = { 0: 4 }): Buffer {
  const magic = Buffer.from('6cfc9c46f9206aa85019', 'hex')
  const system = bytes('}(', text('little_endian'), '\x88', 'u')
  return bytes(
    pickle(bytes('\x8a', u8(magic.length), magic)),
    pickle(bytes('M', Buffer.from([0xe9, 0x03]))),
    pickle(system),
    data,
    pickle(list(...Object.keys(storages).map(text))),
    ...Object.values(storages).map((count) => bytes(u64(count), Buffer.alloc(4 * count))),
  )
}
