import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writerOf } from '../../files/writing/writers'

/** Where contributions lie inside the cache folder. */
export const CONTRIBUTIONS_FOLDER = 'featurefusion-contributions'
/** What was used so lately may be in use by a process that still reads it. */
const IN_USE_MS = 10 * 60_000

/** Something that a cache keeps: a file, or a folder as a whole. */
interface CacheItem {
  path: string
  bytes: number
  /** When it was last used: the time of modification. */
  time: number
  /** Begun by a process that is dead. */
  abandoned: boolean
}

/** Bytes that lie in these folders of a cache. */
export async function cacheBytes(folders: readonly string[]): Promise<number> {
  return (await itemsOf(folders)).reduce((sum, { bytes }) => sum + bytes, 0)
}

/**
 * Removes what was not used for longest from folders of a cache until the rest fits; what dead processes left half
 * written goes in any case.
 * @param keepSince what was used at this time (milliseconds since 1970) or later stays, even if it does not fit; so does
 * what was used in the last ten minutes
 */
export async function trimCache(folders: readonly string[], limitBytes: number, keepSince = Infinity): Promise<void> {
  const inUse = Math.min(keepSince, Date.now() - IN_USE_MS)
  const items = (await itemsOf(folders)).sort((a, b) => Number(b.abandoned) - Number(a.abandoned) || a.time - b.time)
  let total = items.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { path, bytes, time, abandoned } of items) {
    if (!abandoned && (total <= limitBytes || time >= inUse)) return
    await rm(path, { recursive: true, force: true })
    total -= bytes
  }
}

/** The same for the contributions of a cache folder. */
export async function trimContributions(cacheFolder: string, limitBytes: number, keepSince?: number): Promise<void> {
  await trimCache([join(cacheFolder, CONTRIBUTIONS_FOLDER)], limitBytes, keepSince)
}

/** All that lies there but for what a living process is writing. */
async function itemsOf(folders: readonly string[]): Promise<CacheItem[]> {
  const items = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(folder).catch(() => [])
      return Promise.all(names.map((name) => itemOf(folder, name)))
    }),
  )
  return items.flat().filter((item) => item !== null)
}

async function itemOf(folder: string, name: string): Promise<CacheItem | null> {
  const writer = await writerOf(folder, name)
  if (writer === 'alive') return null
  const path = join(folder, name)
  const found = await stat(path).catch(() => null) // another process may remove it at any time
  return found && { path, bytes: await bytesBelow(path), time: found.mtimeMs, abandoned: writer === 'dead' }
}

async function bytesBelow(path: string): Promise<number> {
  const found = await stat(path).catch(() => null)
  if (!found?.isDirectory()) return found?.size ?? 0
  const names = await readdir(path).catch(() => [])
  const sizes = await Promise.all(names.map((name) => bytesBelow(join(path, name))))
  return sizes.reduce((sum, size) => sum + size, 0)
}
