import { lstat, readdir, rm, utimes } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { journalName, NOBODY, temporaryNameOf, type TemporaryName } from './temporary-name'

/** How often a process says that it still writes. */
const SIGN_MS = 60_000
/** A process of another machine that has said nothing for so long is dead. Clocks of machines may differ by less. */
export const SILENT_MS = 10 * SIGN_MS

/**
 * Says to processes of other machines, which cannot ask for this one, that what lies at a temporary path is still being
 * written, however long nothing is added to it.
 * @returns what ends that
 */
export function signWriting(temporaryPath: string): () => void {
  const sign = (): void => {
    const now = new Date()
    utimes(temporaryPath, now, now).catch(() => {}) // not made yet, or renamed just now
  }
  const timer = setInterval(sign, SIGN_MS).unref()
  return () => clearInterval(timer)
}

/** Whether the process that a temporary name tells of is alive: of this machine by its id, of another by its last sign. */
export async function isWriterAlive({ owner, isOfThisHost }: TemporaryName, path: string): Promise<boolean> {
  if (owner === NOBODY) return false
  if (isOfThisHost) return isAlive(owner)
  const changes = await Promise.all([path, journalName(path)].map(lastChange))
  return Date.now() - Math.max(...changes) < SILENT_MS
}

/** Whether the process that is writing, or was, under a temporary name in a folder is alive; null for any other name. */
export async function writerOf(folder: string, entry: string): Promise<'alive' | 'dead' | null> {
  const name = temporaryNameOf(entry)
  if (!name) return null
  return (await isWriterAlive(name, join(folder, entry))) ? 'alive' : 'dead'
}

/** Whether another process that is alive is writing a file or folder of this final name. */
export async function isBeingWritten(path: string): Promise<boolean> {
  const folder = dirname(path)
  for (const entry of await readdir(folder).catch(() => [])) {
    const name = temporaryNameOf(entry, basename(path))
    if (!name || (name.owner === process.pid && name.isOfThisHost)) continue
    if (await isWriterAlive(name, join(folder, entry))) return true
  }
  return false
}

/** Removes the small files that dead processes left half written in a folder. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const entry of await readdir(folder).catch(() => [])) {
    const name = temporaryNameOf(entry)
    const path = join(folder, entry)
    if (!name || name.serial === null || name.steppedAside || (await isWriterAlive(name, path))) continue
    if ((await lstat(path).catch(() => null))?.isFile()) await rm(path, { force: true }).catch(() => {})
  }
}

/** Of its contents or its name, milliseconds since 1970; 0 where nothing is there. */
async function lastChange(path: string): Promise<number> {
  return (await lstat(path).catch(() => null))?.ctimeMs ?? 0
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
