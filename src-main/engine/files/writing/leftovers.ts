import { lstat, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { isThere } from '../reading/regular-file'
import { journalName, nameAside, temporaryNameOf, type TemporaryName } from './temporary-name'
import { isWriterAlive, SILENT_MS } from './writers'

/** Where outputs of one final name are written. */
export interface OutputPlace {
  /** The folder, links followed. */
  parent: string
  name: string
  /** As it was given, for messages. */
  finalPath: string
  /** Temporary paths of this process that are in use. */
  inUse: ReadonlySet<string>
}

/** What a process left of an output that can be continued. */
export interface Leftover {
  path: string
  journal: string
}

type Entry = TemporaryName & { path: string }

/**
 * Removes what dead processes left of outputs of this name; what stepped aside for one that never came goes back.
 * @param continued whether an output is wanted that can be continued, a folder (true) or a file (false); null: none is
 * @returns what can be continued, and stays where it is
 * @throws FusionError 'target' where one is being written
 */
export async function clearLeftovers(place: OutputPlace, continued: boolean | null): Promise<Leftover | null> {
  const { parent, name, finalPath, inUse } = place
  const leftovers = await entriesOf(parent, name)
  for (const entry of leftovers) {
    if (entry.isJournal) continue // of what it belongs to the same is asked
    const isInUse = isOwn(entry) ? inUse.has(entry.path) : await isWriterAlive(entry, entry.path)
    if (isInUse) throw beingWritten(finalPath, entry, entry.path)
  }
  const leftover = continued === null ? null : await continuable(leftovers, continued)
  // First what stepped aside: while the new one lies beside it, it has not been replaced.
  for (const { path, steppedAside } of leftovers) {
    if (!steppedAside) continue
    if (!isThere(join(parent, name))) await rename(path, join(parent, name))
    else if (!leftovers.some((other) => nameAside(other.path) === path))
      await rm(path, { recursive: true, force: true })
    else {
      throw new FusionError('target', `${finalPath} exists, and so does an earlier one that was being replaced.`, {
        hint: `A process ended while it replaced it. Rename or remove ${path}.`,
      })
    }
  }
  for (const { path, steppedAside } of leftovers) {
    if (steppedAside || path === leftover?.path || path === leftover?.journal) continue
    await rm(path, { recursive: true, force: true })
  }
  return leftover
}

/**
 * Gives what another process left this process' name.
 * @throws FusionError 'target' where a third process was faster
 */
export async function claimLeftover(
  { path, journal }: Leftover,
  temporaryPath: string,
  finalPath: string,
): Promise<void> {
  try {
    await rename(journal, journalName(temporaryPath))
    await rename(path, temporaryPath)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new FusionError('target', `Another process has begun to write ${finalPath}.`, {
      hint: 'Wait until it is done, or choose another name.',
    })
  }
}

/** What a process left of an output of this name that can be continued; null where there is nothing, or where one is written. */
export async function findLeftover(finalPath: string): Promise<Leftover | null> {
  const path = resolve(finalPath)
  const entries = await entriesOf(dirname(path), basename(path)).catch(() => [])
  for (const entry of entries) if (await isWriterAlive(entry, entry.path)) return null
  return (await continuable(entries, false)) ?? (await continuable(entries, true))
}

/** @param writer of what lies at the temporary path */
export function beingWritten(
  finalPath: string,
  writer: Pick<TemporaryName, 'owner' | 'isOfThisHost'>,
  temporaryPath: string,
): FusionError {
  const isRunning = `Wait until it is done, or choose another name. If no merge is running, remove ${temporaryPath}.`
  if (writer.isOfThisHost) {
    const who = isOwn(writer) ? 'This program' : `Another process (${writer.owner})`
    return new FusionError('target', `${who} is writing ${finalPath}.`, { hint: isRunning })
  }
  const minutes = SILENT_MS / 60_000
  return new FusionError('target', `Another machine is writing ${finalPath}, or was in the last ${minutes} minutes.`, {
    hint: `${isRunning} A process that has ended there is noticed after ${minutes} minutes.`,
  })
}

function isOwn({ owner, isOfThisHost }: Pick<TemporaryName, 'owner' | 'isOfThisHost'>): boolean {
  return owner === process.pid && isOfThisHost
}

async function entriesOf(parent: string, name: string): Promise<Entry[]> {
  return (await readdir(parent)).flatMap((entry) => {
    const temporary = temporaryNameOf(entry, name)
    return temporary ? [{ ...temporary, path: join(parent, entry) }] : []
  })
}

/** A process may have ended between the two renames of a claim: the only journal belongs to the only output. */
async function continuable(entries: readonly Entry[], folder: boolean): Promise<Leftover | null> {
  const journals = entries.filter(({ isJournal }) => isJournal).map(({ path }) => path)
  const outputs = entries.filter(
    ({ isJournal, steppedAside, serial }) => !isJournal && !steppedAside && serial === null,
  )
  const own = outputs.find(({ path }) => journals.includes(journalName(path)))
  const output = own ?? (outputs.length === 1 && journals.length === 1 ? outputs[0] : undefined)
  if (!output) return null
  const leftover = { path: output.path, journal: own ? journalName(own.path) : journals[0]! }
  const isSafe = (await isUnlinked(leftover.path, folder)) && (await isUnlinked(leftover.journal, false))
  return isSafe ? leftover : null
}

/**
 * Whether a file, or a folder with all that is in it, is this person's and has no other name: writing to a link, or to a
 * file that has a second name elsewhere, would change what lies there.
 */
async function isUnlinked(path: string, folder: boolean): Promise<boolean> {
  const found = await lstat(path)
  if (process.getuid && found.uid !== process.getuid()) return false
  if (!folder) return found.isFile() && found.nlink === 1
  if (!found.isDirectory()) return false
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (!(await isUnlinked(join(path, entry.name), entry.isDirectory()))) return false
  return true
}
