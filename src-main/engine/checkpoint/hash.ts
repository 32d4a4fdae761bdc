import { createHash } from 'node:crypto'
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FusionError } from '../../contract/errors'
import { writeWhole } from '../files/write-whole'
import { unreadable } from './file-errors'

/** Inside the cache folder. */
export const HASHES_FILE = 'hashes.json'
const BLOCK_BYTES = 4 * 1024 * 1024
const SHORT_HASH_LENGTH = 10

interface CachedHash {
  size: number
  mtimeMs: number
  sha256: string
}

export interface HashOptions {
  /** Folder of the cache, shared by any number of processes; without it nothing is remembered. */
  cacheFolder?: string
  signal?: AbortSignal
  /** Called with bytes done and bytes in all, after every block. */
  onProgress?: (done: number, total: number) => void
}

/**
 * The sha256 of a file, in hexadecimal; from the cache where the file's size and time of modification are the same.
 *
 * @throws FusionError 'cancelled', 'not-found', 'unreadable'; 'source-changed' where the file changed meanwhile
 */
export async function hashFile(path: string, options: HashOptions = {}): Promise<string> {
  const before = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  const cached = await cachedHash(path, options.cacheFolder)
  if (cached !== undefined) {
    options.onProgress?.(before.size, before.size)
    return cached
  }
  const sha256 = await computeHash(path, before.size, options)
  const { size, mtimeMs } = await stat(path)
  if (size !== before.size || mtimeMs !== before.mtimeMs) {
    throw new FusionError('source-changed', `${path} changed while it was hashed.`, { hint: 'Try again.' })
  }
  if (options.cacheFolder !== undefined) await remember(options.cacheFolder, path, { size, mtimeMs, sha256 })
  return sha256
}

/** The sha256 that the cache holds for a file as it is now; undefined where it holds none. Reads no weights. */
export async function cachedHash(path: string, cacheFolder: string | undefined): Promise<string | undefined> {
  if (cacheFolder === undefined) return undefined
  const { size, mtimeMs } = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  const entry = (await readCache(cacheFolder))[path]
  return entry?.size === size && entry.mtimeMs === mtimeMs ? entry.sha256 : undefined
}

/** Files with this sha256 that are still as they were when they were hashed. */
export async function cachedPaths(sha256: string, cacheFolder: string): Promise<string[]> {
  const entries = Object.entries(await readCache(cacheFolder)).filter(([, entry]) => entry.sha256 === sha256)
  const current = await Promise.all(
    entries.map(async ([path, { size, mtimeMs }]) => {
      const now = await stat(path).catch(() => null)
      return now?.size === size && now.mtimeMs === mtimeMs ? [path] : []
    }),
  )
  return current.flat()
}

/** The short form by which the field knows a model file. */
export function shortHash(sha256: string): string {
  return sha256.slice(0, SHORT_HASH_LENGTH)
}

async function computeHash(path: string, total: number, { signal, onProgress }: HashOptions): Promise<string> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(BLOCK_BYTES)
  const handle = await open(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  try {
    for (let done = 0; ;) {
      if (signal?.aborted) throw new FusionError('cancelled', `Hashing ${path} was cancelled.`)
      const { bytesRead } = await handle.read(buffer, 0, BLOCK_BYTES, done).catch((cause: unknown) => {
        throw unreadable(path, cause)
      })
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, bytesRead))
      done += bytesRead
      onProgress?.(done, total)
    }
  } finally {
    await handle.close()
  }
}

/** A cache that cannot be read is an empty one. */
async function readCache(folder: string): Promise<Record<string, CachedHash>> {
  try {
    const value: unknown = JSON.parse(await readFile(join(folder, HASHES_FILE), 'utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, CachedHash>) : {}
  } catch {
    return {}
  }
}

/** Of two processes that write at once one entry may be lost, never the file. */
async function remember(folder: string, path: string, entry: CachedHash): Promise<void> {
  const cache = { ...(await readCache(folder)), [path]: entry }
  await writeWhole(join(folder, HASHES_FILE), JSON.stringify(cache)).catch(() => {
    // A hash that is not remembered is computed again.
  })
}
