import { closeSync, constants, fsyncSync, openSync } from 'node:fs'
import { access, mkdir, open, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { makeTargetFolder } from './make-folder'
import { isThere } from '../reading/regular-file'
import { beingWritten, clearLeftovers, claimLeftover } from './leftovers'
import { checkTarget, type TargetRule } from './target'
import { journalName, nameAside, nameOfKept, temporaryName } from './temporary-name'
import { targetError, writingError } from './writing-error'
import { signWriting } from './writers'

/** Temporary paths of this process that are in use. */
const inUse = new Set<string>()

/**
 * A file or folder that is written beside its final name and renamed when it is whole: whatever ends the program, no
 * file stands at the final name that is not whole, and what stood there stays until then. What a dead process left
 * behind, the next output of that name removes, or continues where it can.
 */
export class AtomicOutput {
  private constructor(
    readonly finalPath: string,
    /** Where to write until `commit`: a file or folder, which tells other processes that this one writes here. */
    readonly temporaryPath: string,
    private readonly rule: TargetRule,
    private continued: boolean,
    /** Ends the signs of life at the temporary path. */
    private readonly endSigns: () => void,
  ) {}

  /** Whether this is what an earlier process left unfinished, with its journal; else it began empty. */
  get isContinued(): boolean {
    return this.continued
  }

  /**
   * @param continues whether what an earlier process left unfinished, with a journal, is taken over instead of removed
   * @throws FusionError 'target': its folder cannot be made or written to, something is there that may not be replaced,
   * or something else is writing to the same name
   */
  static async create(path: string, rule: TargetRule, { continues = false } = {}): Promise<AtomicOutput> {
    const finalPath = resolve(path)
    const parent = await realpath(await writableFolder(dirname(finalPath)))
    const name = basename(finalPath)
    const place = { parent, name, finalPath, inUse }
    const temporaryPath = join(parent, temporaryName(name))
    const leftover = await clearLeftovers(place, continues ? rule.kind.folder : null)
    await checkTarget(finalPath, rule)
    if (inUse.has(temporaryPath))
      throw beingWritten(finalPath, { owner: process.pid, isOfThisHost: true }, temporaryPath)
    inUse.add(temporaryPath)
    try {
      if (leftover) await claimLeftover(leftover, temporaryPath, finalPath)
      else await makeEmpty(temporaryPath, rule.kind.folder)
    } catch (error) {
      inUse.delete(temporaryPath)
      throw writingError(error, finalPath)
    }
    return new AtomicOutput(finalPath, temporaryPath, rule, leftover !== null, signWriting(temporaryPath))
  }

  /** Where a journal of what is written may lie: it goes with `commit` and `discard`. */
  get journalPath(): string {
    return journalName(this.temporaryPath)
  }

  /** Removes what was written so far, to begin anew. */
  async empty(): Promise<void> {
    this.continued = false
    await this.removeWritten()
    await makeEmpty(this.temporaryPath, this.rule.kind.folder)
  }

  /** Puts what was written away with its journal, for any process to continue. @returns where it lies now */
  async keep(): Promise<string> {
    const kept = join(dirname(this.temporaryPath), nameOfKept(basename(this.finalPath)))
    await rename(this.journalPath, journalName(kept))
    await rename(this.temporaryPath, kept)
    this.end()
    return kept
  }

  /**
   * Flushes `files` (absolute) to the disk and gives the output its final name.
   * @throws FusionError 'target': meanwhile something came to the final name that may not be replaced
   */
  async commit(files: readonly string[]): Promise<void> {
    for (const file of files) {
      const handle = await open(file, 'r+')
      await handle.sync().finally(() => handle.close())
    }
    await checkTarget(this.finalPath, this.rule)
    if (this.rule.kind.folder) await this.replaceFolder()
    else await rename(this.temporaryPath, this.realPath)
    await rm(this.journalPath, { force: true })
    this.end()
    syncFolder(dirname(this.realPath))
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await this.removeWritten()
    this.end()
  }

  private end(): void {
    this.endSigns()
    inUse.delete(this.temporaryPath)
  }

  private async removeWritten(): Promise<void> {
    await rm(this.journalPath, { force: true })
    await rm(this.temporaryPath, { recursive: true, force: true })
  }

  /** The final name in its folder as it was found, links followed. */
  private get realPath(): string {
    return join(dirname(this.temporaryPath), basename(this.finalPath))
  }

  /** A folder cannot be renamed over another: the old one steps aside first and goes when the new one stands. */
  private async replaceFolder(): Promise<void> {
    const aside = nameAside(this.temporaryPath)
    const steppedAside = isThere(this.realPath)
    if (steppedAside) await rename(this.realPath, aside)
    try {
      await rename(this.temporaryPath, this.realPath)
    } catch (error) {
      if (steppedAside) await rename(aside, this.realPath)
      throw error
    }
    await rm(aside, { recursive: true, force: true })
  }
}

/** Makes a folder if it is missing. @throws FusionError 'target' where nothing can be written into it */
export async function writableFolder(path: string): Promise<string> {
  makeTargetFolder(path)
  await access(path, constants.W_OK).catch((cause: unknown) => {
    throw targetError(`The folder ${path} cannot be written to.`, cause)
  })
  return path
}

/** 'wx' and mkdir create or fail: nothing that is there, no link either, is written to. */
async function makeEmpty(path: string, folder: boolean): Promise<void> {
  await (folder ? mkdir(path) : writeFile(path, '', { flag: 'wx' }))
}

/** Makes a rename last; not every system can open folders. */
function syncFolder(path: string): void {
  try {
    const descriptor = openSync(path, 'r')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    // Windows refuses: there the rename is enough.
  }
}
