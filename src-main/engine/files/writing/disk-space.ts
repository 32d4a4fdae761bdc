import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { FusionError } from '../../../contract/errors'

/** @throws FusionError 'target' where the disk has less room than the output takes */
export async function checkSpace(path: string, bytes: number): Promise<void> {
  let folder = dirname(resolve(path))
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (free >= bytes) return
  const megabytes = (value: number): string => `${Math.ceil(value / 1e6).toLocaleString('en')} MB`
  throw new FusionError('target', `${path} takes ${megabytes(bytes)}; its disk has ${megabytes(free)} left.`, {
    hint: 'Free some space or write to another disk.',
  })
}
