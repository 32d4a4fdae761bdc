import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../../contract/errors'
import { distinctBy } from '../../contract/values/distinct-by'
import { readCheckedJson, writeCheckedJson } from '../files/kept/checked-json'
import { fileState } from '../files/reading/file-state'
import { openRegularFile } from '../files/reading/regular-file'
import { unreadable } from '../files/reading/file-errors'
import type { SourceFile } from './containers/container'

/** Inside the cache folder. */
export const HASHES_FILE = 'hashes.json'
const BLOCK_BYTES = 4 * 1024 * 1024
const SHORT_HASH_LENGTH = 10

/** By path. */
const cacheSchema = z.record(
  z.string(),
  z.object({
    /** Of the file when it was hashed (file-state.ts). */
    state: z.string(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  }),
)
type CachedHashes = z.infer<typeof cacheSchema>

export interface HashOptions {
  /** Folder of the cache, shared by any number of processes; without it nothing is remembered and nothing believed. */
  cacheFolder?: string
  /** State that the file must be in; whichever if absent. */
  state?: string
  signal?: AbortSignal
  /** Called with bytes done and bytes in all, after every block. */
  onProgress?: (done: number, total: number) => void
  /** Waited for before every block: how hashing makes room for other work. */
  pace?: (() => Promise<void>) | undefined
}

/**
 * sha256 by path, of files as they were when they were opened; a file that is named twice is hashed once.
 * @param options `onProgress` hears of the bytes of all files
 * @throws what `hashFile` throws
 */
export async function hashFiles(
  files: readonly SourceFile[],
  { onProgress, ...others }: Pick<HashOptions, 'cacheFolder' | 'signal' | 'onProgress'>,
): Promise<Map<string, string>> {
  const distinct = distinctBy(files, ({ path }) => path)
  const total = distinct.reduce((sum, { size }) => sum + size, 0)
  const hashes = new Map<string, string>()
  let before = 0
  for (const { path, size, state } of distinct) {
    const progress = onProgress && ((done: number) => onProgress(before + done, total))
    hashes.set(path, await hashFile(path, { ...others, state, ...(progress && { onProgress: progress }) }))
    before += size
  }
  return hashes
}

/**
 * The sha256 of a file, in hexadecimal; from the cache where the file is as it was when it was hashed.
 *
 * @throws FusionError 'cancelled', 'not-found', 'unreadable'; 'source-changed' where the file is or becomes another
 */
export async function hashFile(path: string, options: HashOptions = {}): Promise<string> {
  const { cacheFolder, onProgress, state = await currentState(path) } = options
  const cached = await cachedHash(path, cacheFolder)
  if (cached !== undefined && (await currentState(path)) === state) {
    if (onProgress) {
      const { size } = await stat(path)
      onProgress(size, size)
    }
    return cached
  }
  const sha256 = await computeHash(path, options)
  if ((await currentState(path)) !== state)
    throw new FusionError('source-changed', `${path} changed while it was in use.`, {
      hint: 'Wait until the program that writes it is done, then try again.',
    })
  if (cacheFolder !== undefined) await remember(cacheFolder, path, { state, sha256 })
  return sha256
}

/** The sha256 that the cache holds for a file as it is now; undefined where it holds none. Reads no weights. */
export async function cachedHash(path: string, cacheFolder: string | undefined): Promise<string | undefined> {
  if (cacheFolder === undefined) return undefined
  const state = await currentState(path)
  const entry = ownEntry(await readCache(cacheFolder), path)
  return entry?.state === state ? entry.sha256 : undefined
}

/**
 * The hashes that the cache holds, to ask for many files: by path and state of the file as it is now.
 * @returns undefined for a file that was not hashed, or is another now
 */
export async function knownHashes(cacheFolder: string): Promise<(path: string, state: string) => string | undefined> {
  const cache = await readCache(cacheFolder)
  return (path, state) => {
    const entry = ownEntry(cache, path)
    return entry?.state === state ? entry.sha256 : undefined
  }
}

/** Files with this sha256 that are still as they were when they were hashed. */
export function cachedPaths(sha256: string, cacheFolder: string): Promise<string[]> {
  return unchanged(cacheFolder, (_, entry) => entry.sha256 === sha256)
}

/** Files that were hashed and are still as they were, of those that are wanted. */
export function hashedFiles(cacheFolder: string, isWanted: (path: string) => boolean): Promise<string[]> {
  return unchanged(cacheFolder, isWanted)
}

async function unchanged(
  cacheFolder: string,
  isWanted: (path: string, entry: CachedHashes[string]) => boolean,
): Promise<string[]> {
  const entries = Object.entries(await readCache(cacheFolder)).filter(([path, entry]) => isWanted(path, entry))
  const current = await Promise.all(
    entries.map(async ([path, { state }]) => ((await fileState(path).catch(() => null)) === state ? [path] : [])),
  )
  return current.flat()
}

/** The short form by which the field knows a model file. */
export function shortHash(sha256: string): string {
  return sha256.slice(0, SHORT_HASH_LENGTH)
}

async function computeHash(path: string, { signal, onProgress, pace }: HashOptions): Promise<string> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(BLOCK_BYTES)
  const handle = await openRegularFile(path)
  try {
    const { size } = await handle.stat()
    for (let done = 0; ;) {
      await pace?.()
      if (signal?.aborted) throw new FusionError('cancelled', `Hashing ${path} was cancelled.`)
      const { bytesRead } = await handle.read(buffer, 0, BLOCK_BYTES, done).catch((cause: unknown) => {
        throw unreadable(path, cause)
      })
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, bytesRead))
      done += bytesRead
      onProgress?.(done, size)
    }
  } finally {
    await handle.close()
  }
}

async function currentState(path: string): Promise<string> {
  return fileState(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
}

async function readCache(folder: string): Promise<CachedHashes> {
  return (await readCheckedJson(join(folder, HASHES_FILE), HASHES_FILE, cacheSchema)) ?? {}
}

/** Of two processes that write at once one entry may be lost, never the file; a hash that is lost is computed again. */
async function remember(folder: string, path: string, entry: CachedHashes[string]): Promise<void> {
  const cache = { ...(await readCache(folder)), [path]: entry }
  await writeCheckedJson(join(folder, HASHES_FILE), HASHES_FILE, cache).catch(() => {})
}

/** A path may be called like a property of every object. */
function ownEntry(cache: CachedHashes, path: string): CachedHashes[string] | undefined {
  return Object.hasOwn(cache, path) ? cache[path] : undefined
}
