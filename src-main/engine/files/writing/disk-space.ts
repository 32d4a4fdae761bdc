import { existsSync } from 'node:fs'
import { lstat, readdir, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { formatCount } from '../../../contract/values/format'

/** The unit of Stats.blocks on every system. */
const BLOCK_BYTES = 512

/** @throws FusionError 'target' where the disk has less room than the output takes */
export async function checkSpace(path: string, bytes: number): Promise<void> {
  let folder = dirname(resolve(path))
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (free >= bytes) return
  const megabytes = (value: number): string => `${formatCount(Math.ceil(value / 1e6))} MB`
  throw new FusionError('target', `${path} takes ${megabytes(bytes)}; its disk has ${megabytes(free)} left.`, {
    hint: 'Free some space or write to another disk.',
  })
}

/** Bytes of the disk that a file, or a folder with all that is in it, takes: holes take none. 0 where nothing is there. */
export async function takenSpace(path: string): Promise<number> {
  const found = await lstat(path).catch(() => null)
  if (!found) return 0
  if (!found.isDirectory()) return Math.min(found.size, found.blocks * BLOCK_BYTES)
  const names = await readdir(path).catch(() => [])
  const sizes = await Promise.all(names.map((name) => takenSpace(join(path, name))))
  return sizes.reduce((sum, size) => sum + size, 0)
}
