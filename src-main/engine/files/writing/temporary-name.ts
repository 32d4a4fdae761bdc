import { createHash } from 'node:crypto'
import { lstat, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** A longer name (UTF-8) is shortened, so that what is put around it fits into the 255 bytes that systems allow. */
const LONGEST_NAME_BYTES = 100
const KEPT_NAME_BYTES = 60
const HASH_CHARACTERS = 16

/** What a name in a folder says, if it is one of a file or folder that is not whole yet. */
export interface TemporaryName {
  /** The process that writes, or wrote. */
  owner: number
  /** What stood at the final name and stepped aside for the new one. */
  steppedAside: boolean
  /** The journal of an output that can be continued. */
  isJournal: boolean
  /** One of several writes of the process; null for the only one that may go on at a time. */
  serial: number | null
}

/** `.NAME.PID.partial` or `.NAME.PID-SERIAL.partial`; with `.old` what stepped aside, with `.journal` a journal. */
const PATTERN = /^\.(.+)\.(\d+)(?:-(\d+))?\.partial(\.old|\.journal)?$/
/** Stands for the process of what a living process has put away, to be continued later: no process has this id. */
const NOBODY = 0

/**
 * The name beside a final name under which this process writes until all is there.
 * @param serial where the process may write to the same name several times at once
 */
export function temporaryName(name: string, serial?: number): string {
  return `.${shortened(name)}.${process.pid}${serial === undefined ? '' : `-${serial}`}.partial`
}

/** The name of what stands at the final name while it steps aside. */
export function nameAside(temporary: string): string {
  return `${temporary}.old`
}

/** The name of the journal of what stands at a temporary name. */
export function journalName(temporary: string): string {
  return `${temporary}.journal`
}

/** The name beside a final name of what is put away, to be continued later by any process. */
export function nameOfKept(name: string): string {
  return `.${shortened(name)}.${NOBODY}.partial`
}

/** What a folder's entry says if it is a temporary name of this final name; else undefined. */
export function temporaryNameOf(entry: string, name: string): TemporaryName | undefined {
  const match = PATTERN.exec(entry)
  return match?.[1] === shortened(name) ? parsed(match) : undefined
}

/** Whether the process that is writing, or was, under a temporary name is alive; null for any other name. */
export function writerOf(entry: string): 'alive' | 'dead' | null {
  const match = PATTERN.exec(entry)
  return match && (isAlive(parsed(match).owner) ? 'alive' : 'dead')
}

/** Whether another process that is alive is writing a file or folder of this final name. */
export async function isBeingWritten(path: string): Promise<boolean> {
  const entries = await readdir(dirname(path)).catch(() => [])
  return entries.some((entry) => {
    const owner = temporaryNameOf(entry, basename(path))?.owner
    return owner !== undefined && owner !== process.pid && isAlive(owner)
  })
}

/** Removes the small files that dead processes left half written in a folder. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const entry of await readdir(folder).catch(() => [])) {
    const match = PATTERN.exec(entry)
    if (!match || parsed(match).serial === null || parsed(match).steppedAside || isAlive(parsed(match).owner)) continue
    const path = join(folder, entry)
    if ((await lstat(path).catch(() => null))?.isFile()) await rm(path, { force: true }).catch(() => {})
  }
}

export function isAlive(pid: number): boolean {
  if (pid === NOBODY) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function parsed([, , owner, serial, ending]: RegExpExecArray): TemporaryName {
  return {
    owner: Number(owner),
    steppedAside: ending === '.old',
    isJournal: ending === '.journal',
    serial: serial === undefined ? null : Number(serial),
  }
}

/** The name, or of a long one its beginning and its hash: still to be told from those of all others. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= LONGEST_NAME_BYTES) return name
  let kept = ''
  for (const character of name) {
    if (Buffer.byteLength(kept + character) > KEPT_NAME_BYTES) break
    kept += character
  }
  return `${kept}~${createHash('sha256').update(name).digest('hex').slice(0, HASH_CHARACTERS)}`
}
