import { rm, utimes } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { tellDamage } from '../../files/kept/cache-damage'
import { CONTRIBUTIONS_FOLDER } from './cache-space'
import type { Contributions } from './contribution-file'

/** Files that are made again for one task at most: a disk that damages more than that cannot be worked on. */
const MOST_REBUILT = 20

/**
 * Whether contributions that were found before still lie where they did; they then count as used now, so that no trim of
 * the cache removes them for a while.
 */
export async function stillThere({ models }: Contributions): Promise<boolean> {
  const paths = new Set(models.flatMap((model) => model?.path ?? []))
  const there = await Promise.all([...paths].map(markUsed))
  return !there.includes(false)
}

/**
 * Runs a task that reads contributions. Where a file of them turns out to be damaged, that is said, and the task runs
 * again without the file: so it must begin with `ensureContributions`.
 */
export async function rebuildingContributions<Result>(task: () => Promise<Result>): Promise<Result> {
  for (let rebuilt = 0; ; rebuilt++) {
    try {
      return await task()
    } catch (error) {
      const { kind, file } = error instanceof FusionError ? error : { kind: null, file: undefined }
      const isOurs = file !== undefined && basename(dirname(file)) === CONTRIBUTIONS_FOLDER
      if (kind !== 'damaged' || !isOurs || rebuilt === MOST_REBUILT) throw error
      tellDamage(file)
      await makeWay(file)
    }
  }
}

/** Removes what is not used from a place in the cache; a folder there could not be written over. */
export async function makeWay(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true })
}

/** Returns false where nothing is there; in a cache that is only read nothing is marked. */
export async function markUsed(path: string): Promise<boolean> {
  const now = new Date()
  return utimes(path, now, now).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )
}
