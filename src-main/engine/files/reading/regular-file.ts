import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, statSync, type Stats } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { FusionError } from '../../../contract/errors'
import { unreadable } from './file-errors'
import type { SmallFile } from './small-files'

/** Windows has no such flag, and no named pipes among its files: undefined counts as 0. */
const READ_WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK

/**
 * Opens a file to read it. Looked at before it is opened, since opening a device may do something, and again after it,
 * since it may have been replaced; without waiting, since a named pipe that nobody writes to would hang the program.
 * @throws FusionError 'not-found', 'unreadable'; 'unsupported' for what is no regular file (folder, pipe, device, socket)
 */
export async function openRegularFile(path: string): Promise<FileHandle> {
  try {
    requireRegularFile(path, await stat(path))
    const handle = await open(path, READ_WITHOUT_WAITING)
    try {
      requireRegularFile(path, await handle.stat())
    } catch (error) {
      await handle.close()
      throw error
    }
    return handle
  } catch (cause) {
    throw asFusionError(path, cause)
  }
}

/** The same for threads that have nothing else to do. @returns a file descriptor */
export function openRegularFileSync(path: string): number {
  try {
    requireRegularFile(path, statSync(path))
    const descriptor = openSync(path, READ_WITHOUT_WAITING)
    try {
      requireRegularFile(path, fstatSync(descriptor))
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
    return descriptor
  } catch (cause) {
    throw asFusionError(path, cause)
  }
}

/** The first `count` bytes of a file, or all of a shorter one. @throws what openRegularFile throws */
export async function readBeginning(path: string, count: number): Promise<Buffer> {
  const handle = await openRegularFile(path)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(count), 0, count, 0)
    return buffer.subarray(0, bytesRead)
  } catch (cause) {
    throw asFusionError(path, cause)
  } finally {
    await handle.close()
  }
}

/**
 * Reads a whole file that is small by its nature; what is larger than its kind can be is refused before memory is taken.
 * @throws what openRegularFile throws; 'malformed' where it is too large
 */
export async function readSmallFile(path: string, kind: SmallFile): Promise<Buffer> {
  const handle = await openRegularFile(path)
  try {
    const room = roomFor((await handle.stat()).size, path, kind)
    let length = 0
    for (let count = -1; count !== 0 && length < room.byteLength; length += count)
      count = (await handle.read(room, length, room.byteLength - length, length)).bytesRead
    return filled(room, length, path)
  } catch (cause) {
    throw asFusionError(path, cause)
  } finally {
    await handle.close()
  }
}

/** The same for code that cannot wait. */
export function readSmallFileSync(path: string, kind: SmallFile): Buffer {
  const descriptor = openRegularFileSync(path)
  try {
    const room = roomFor(fstatSync(descriptor).size, path, kind)
    let length = 0
    for (let count = -1; count !== 0 && length < room.byteLength; length += count)
      count = readSync(descriptor, room, length, room.byteLength - length, length)
    return filled(room, length, path)
  } catch (cause) {
    throw asFusionError(path, cause)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * What a file that others add to has from a place on, as far as it is written now; nothing behind its end.
 * @throws what openRegularFile throws; 'malformed' where the whole is too large
 */
export async function readOnward(path: string, from: number, kind: SmallFile): Promise<Buffer> {
  const handle = await openRegularFile(path)
  try {
    const { size } = await handle.stat()
    checkSize(size, path, kind)
    const room = Buffer.alloc(Math.max(0, size - from))
    let length = 0
    for (let count = -1; count !== 0 && length < room.byteLength; length += count)
      count = (await handle.read(room, length, room.byteLength - length, from + length)).bytesRead
    return room.subarray(0, length)
  } catch (cause) {
    throw asFusionError(path, cause)
  } finally {
    await handle.close()
  }
}

/** The text of a small file. */
export async function readSmallText(path: string, kind: SmallFile): Promise<string> {
  return textOf(await readSmallFile(path, kind))
}

export function readSmallTextSync(path: string, kind: SmallFile): string {
  return textOf(readSmallFileSync(path, kind))
}

/** Whether something has this name, a link to nothing as well: that is damage, and not the same as no file. */
export function isThere(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch (error) {
    // What cannot be looked at is there: reading it says why.
    return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
  }
}

/** @throws FusionError 'unsupported' */
export function requireRegularFile(path: string, entry: Stats): void {
  if (entry.isFile()) return
  throw new FusionError('unsupported', `${path} is not a regular file: it is ${kindInWords(entry)}.`, {
    hint: 'Name a file with contents of its own.',
  })
}

/** What stands at a path, if it is no regular file: 'a folder', 'a named pipe (FIFO)'. */
export function kindInWords(entry: Stats): string {
  if (entry.isDirectory()) return 'a folder'
  if (entry.isFIFO()) return 'a named pipe (FIFO)'
  if (entry.isSocket()) return 'a socket'
  return entry.isCharacterDevice() || entry.isBlockDevice() ? 'a device' : 'something else'
}

/** One byte more than the file has: a file that grows while it is read is noticed. */
function roomFor(size: number, path: string, kind: SmallFile): Buffer {
  checkSize(size, path, kind)
  return Buffer.alloc(size + 1)
}

/** @throws FusionError 'malformed' */
function checkSize(size: number, path: string, { what, mostBytes }: SmallFile): void {
  if (size <= mostBytes) return
  const limit = `${Math.floor(mostBytes / 1e6)} MB`
  throw new FusionError('malformed', `${path} is too large for ${what}: it has ${size} bytes.`, {
    hint: `At most ${limit} are read. Check that it is the file that you mean.`,
  })
}

function filled(room: Buffer, length: number, path: string): Buffer {
  if (length < room.byteLength) return room.subarray(0, length)
  throw new FusionError('source-changed', `${path} became longer while it was read.`, { hint: 'Try again.' })
}

/** Without the mark of byte order that some editors put in front. */
export function textOf(bytes: Buffer): string {
  return bytes.toString('utf8').replace(/^\uFEFF/, '')
}

function asFusionError(path: string, cause: unknown): FusionError {
  return cause instanceof FusionError ? cause : unreadable(path, cause)
}
