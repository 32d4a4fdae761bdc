import { createHash } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import type { UnfinishedExport } from '../../../contract/export'
import { readCheckedJson, writeCheckedJson } from '../../files/kept/checked-json'
import { isBeingWritten } from '../../files/writing/writers'
import { takenSpace } from '../../files/writing/disk-space'
import { findLeftover, type Leftover } from '../../files/writing/leftovers'

/** In the cache folder: a record for every export that is not finished, since these lie wherever people export to. */
export const UNFINISHED_FOLDER = 'featurefusion-unfinished'
const KEY = 'unfinished export'
const recordSchema = z.object({ path: z.string() })

/** An export that can be continued, and what is written of it. */
export interface PartialExport extends UnfinishedExport {
  partialPath: string
}

/** Notes that an export to a place has begun. Without a cache it is found by its place alone. */
export async function rememberExport(cacheFolder: string, path: string): Promise<void> {
  await writeCheckedJson(recordPath(cacheFolder, path), KEY, { path: resolve(path) }).catch(() => {})
}

/** Notes that nothing unfinished is left there. */
export async function forgetExport(cacheFolder: string, path: string): Promise<void> {
  await rm(recordPath(cacheFolder, path), { force: true }).catch(() => {})
}

/** Exports that can be continued or removed, the largest first. Records of those that are gone are removed. */
export async function unfinishedExports(cacheFolder: string): Promise<PartialExport[]> {
  const folder = join(cacheFolder, UNFINISHED_FOLDER)
  const found: PartialExport[] = []
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith('.json')) continue
    const record = await readCheckedJson(join(folder, name), KEY, recordSchema)
    const unfinished = record && (await unfinishedExport(record.path))
    if (unfinished) found.push(unfinished)
    else if (!record || !(await isBeingWritten(record.path)))
      await rm(join(folder, name), { force: true }).catch(() => {})
  }
  return found.sort((a, b) => b.bytes - a.bytes)
}

/** What is left of an export to a place that is not being written; null where nothing is. */
export async function unfinishedExport(path: string): Promise<PartialExport | null> {
  const leftover = await findLeftover(path)
  return leftover && partialExport(path, leftover)
}

async function partialExport(path: string, { path: partialPath, journal }: Leftover): Promise<PartialExport> {
  const { mtimeMs } = await stat(journal)
  const bytes = (await takenSpace(partialPath)) + (await takenSpace(journal))
  return { path: resolve(path), partialPath, bytes, time: mtimeMs }
}

/** Removes what is left of an export to a place. @returns what that was; null where nothing was left */
export async function removeUnfinished(cacheFolder: string, path: string): Promise<PartialExport | null> {
  const leftover = await findLeftover(path)
  const unfinished = leftover && (await partialExport(path, leftover))
  if (leftover) {
    await rm(leftover.journal, { force: true })
    await rm(leftover.path, { recursive: true, force: true })
  }
  await forgetExport(cacheFolder, path)
  return unfinished
}

function recordPath(cacheFolder: string, path: string): string {
  return join(cacheFolder, UNFINISHED_FOLDER, `${createHash('sha256').update(resolve(path)).digest('hex')}.json`)
}
