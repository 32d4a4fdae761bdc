import { randomUUID } from 'node:crypto'
import { open, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { FusionError } from '../../contract/errors'
import { makePrivateFolder, PRIVATE_FILE } from '../../engine/files/writing/permissions'
import { readSmallText } from '../../engine/files/reading/regular-file'
import { SMALL_FILES } from '../../engine/files/reading/small-files'

const LOCK_FILE = 'studio.lock'
/** The holder touches its lock so often. */
const BEAT_MS = 2000
/** A lock that was not touched for so long may be nobody's any more. */
const QUIET_MS = 3 * BEAT_MS
/** Others that take over at the same time are waited for so long, so often. */
const TAKEOVER_MS = 50
const ATTEMPTS = 10

const lockSchema = z.object({
  /** Its own, of every lock. */
  id: z.string(),
  /** Who holds it, in words. */
  holder: z.string(),
  pid: z.number().int().positive(),
  host: z.string(),
  /** Milliseconds since 1970. */
  since: z.number(),
})
type LockRecord = z.infer<typeof lockSchema>

/** Ids of the locks that this process holds. */
const held = new Set<string>()

interface FoundLock {
  text: string
  /** null: it is being written, or its writer died over it. */
  record: LockRecord | null
  touchedMs: number
}

/**
 * Keeps a second program from the same data folder, where the two would overwrite each other's document. A lock whose
 * process has ended on this machine is taken over at once; another one, when its holder does not touch it any more.
 */
export class DataLock {
  private readonly beat: NodeJS.Timeout

  private constructor(
    private readonly file: string,
    private readonly text: string,
    private readonly id: string,
    beatMs: number,
  ) {
    held.add(id)
    this.beat = setInterval(() => void this.touch(), beatMs)
    this.beat.unref()
  }

  /**
   * @param holder who asks, in words: 'featurefusion serve'
   * @param hint what a person can do where another one holds it
   * @throws FusionError 'target' while another process holds it, or where the folder cannot be written to
   */
  static async acquire(
    folder: string,
    holder: string,
    { hint, beatMs = BEAT_MS, quietMs = QUIET_MS }: { hint: string; beatMs?: number; quietMs?: number },
  ): Promise<DataLock> {
    const file = join(folder, LOCK_FILE)
    const record: LockRecord = { id: randomUUID(), holder, pid: process.pid, host: hostname(), since: Date.now() }
    const text = `${JSON.stringify(record)}\n`
    try {
      makePrivateFolder(folder)
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (await create(file, text)) return new DataLock(file, text, record.id, beatMs)
        const found = await look(file)
        if (!found) continue
        if (!(await isAbandoned(file, found, quietMs))) throw inUse(folder, found.record, hint)
        await remove(file, found, quietMs)
      }
    } catch (cause) {
      if (cause instanceof FusionError) throw cause
      throw new FusionError('target', `The data folder ${folder} cannot be written to.`, {
        detail: String(cause),
        hint,
        cause,
      })
    }
    throw inUse(folder, null, hint)
  }

  async release(): Promise<void> {
    clearInterval(this.beat)
    held.delete(this.id)
    const found = await look(this.file).catch(() => null)
    if (found?.text === this.text) await rm(this.file, { force: true })
  }

  private async touch(): Promise<void> {
    const now = new Date()
    await utimes(this.file, now, now).catch(() => {
      // A folder that is away for a moment (a network's) comes back, or the document's own writes tell.
    })
  }
}

/** False where there is one already. */
async function create(file: string, text: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx', PRIVATE_FILE)
    await handle.writeFile(text).finally(() => handle.close())
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** null where it is gone. */
async function look(file: string): Promise<FoundLock | null> {
  try {
    const { mtimeMs } = await stat(file)
    const text = await readSmallText(file, SMALL_FILES.own)
    return { text, record: parse(text), touchedMs: mtimeMs }
  } catch (error) {
    const isGone = error instanceof FusionError ? error.kind === 'not-found' : isMissing(error)
    if (isGone) return null
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

function parse(text: string): LockRecord | null {
  try {
    return lockSchema.parse(JSON.parse(text))
  } catch {
    return null
  }
}

/** Process ids are given again, and clocks differ between machines: a quiet lock is watched before it is taken. */
async function isAbandoned(file: string, { record, touchedMs }: FoundLock, quietMs: number): Promise<boolean> {
  if (record?.host === hostname() && !isAlive(record)) return true
  if (Math.abs(Date.now() - touchedMs) < quietMs) return false
  await delay(quietMs)
  return (await look(file))?.touchedMs === touchedMs
}

/** In a container every start may get the same process id as the one before. */
function isAlive({ pid, id }: LockRecord): boolean {
  if (pid === process.pid) return held.has(id)
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Removes the lock that was found, and no other: whoever takes over is alone in it. */
async function remove(file: string, { text }: FoundLock, quietMs: number): Promise<void> {
  const guard = `${file}.takeover`
  if (await create(guard, '')) {
    try {
      if ((await look(file))?.text === text) await rm(file, { force: true })
    } finally {
      await rm(guard, { force: true })
    }
    return
  }
  await delay(TAKEOVER_MS)
  const left = await look(guard)
  // Somebody died over it.
  if (left && Math.abs(Date.now() - left.touchedMs) > quietMs) await rm(guard, { force: true })
}

function inUse(folder: string, record: LockRecord | null, hint: string): FusionError {
  const who = record
    ? `${record.holder}, process ${record.pid} on ${record.host}, since ${new Date(record.since).toLocaleString('sv')}`
    : 'another one that is just starting'
  return new FusionError('target', `The data folder ${folder} is in use by ${who}.`, { hint })
}
