import { closeSync, constants, fsyncSync, openSync } from 'node:fs'
import { access, mkdir, open, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { makeTargetFolder } from './make-folder'
import { isThere } from '../reading/regular-file'
import { checkTarget, type TargetRule } from './target'
import { isAlive, nameAside, temporaryName, temporaryNameOf } from './temporary-name'
import { targetError, writingError } from './writing-error'

/** Temporary paths of this process that are in use. */
const inUse = new Set<string>()

/**
 * A file or folder that is written beside its final name and renamed when it is whole: whatever ends the program, no
 * file stands at the final name that is not whole, and what stood there stays until then. What a dead process left
 * behind, the next output of that name removes.
 */
export class AtomicOutput {
  private constructor(
    readonly finalPath: string,
    /** Where to write until `commit`: an empty file or folder, which tells other processes that this one writes here. */
    readonly temporaryPath: string,
    private readonly rule: TargetRule,
  ) {}

  /**
   * @throws FusionError 'target': its folder cannot be made or written to, something is there that may not be replaced,
   * or something else is writing to the same name
   */
  static async create(path: string, rule: TargetRule): Promise<AtomicOutput> {
    const finalPath = resolve(path)
    const parent = await realpath(await writableFolder(dirname(finalPath)))
    const name = basename(finalPath)
    await clearLeftovers(parent, name, finalPath)
    await checkTarget(finalPath, rule)
    const temporaryPath = join(parent, temporaryName(name))
    if (inUse.has(temporaryPath)) throw beingWritten(finalPath, process.pid, temporaryPath)
    inUse.add(temporaryPath)
    // 'wx' and mkdir create or fail: nothing that is there, no link either, is written to.
    const made = rule.kind.folder ? mkdir(temporaryPath) : writeFile(temporaryPath, '', { flag: 'wx' })
    await made.catch((error: unknown) => {
      inUse.delete(temporaryPath)
      throw writingError(error, finalPath)
    })
    return new AtomicOutput(finalPath, temporaryPath, rule)
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
    inUse.delete(this.temporaryPath)
    syncFolder(dirname(this.realPath))
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await rm(this.temporaryPath, { recursive: true, force: true })
    inUse.delete(this.temporaryPath)
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

/**
 * Removes what dead processes left of outputs of this name; what stepped aside for one that never came goes back.
 * @throws FusionError 'target' where one is being written
 */
async function clearLeftovers(parent: string, name: string, finalPath: string): Promise<void> {
  const leftovers = (await readdir(parent)).flatMap((entry) => {
    const temporary = temporaryNameOf(entry, name)
    return temporary ? [{ ...temporary, path: join(parent, entry) }] : []
  })
  for (const { owner, path } of leftovers) {
    if (owner === process.pid ? inUse.has(path) : isAlive(owner)) throw beingWritten(finalPath, owner, path)
  }
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
  for (const { path, steppedAside } of leftovers) if (!steppedAside) await rm(path, { recursive: true, force: true })
}

function beingWritten(finalPath: string, owner: number, temporaryPath: string): FusionError {
  const who = owner === process.pid ? 'This program' : `Another process (${owner})`
  return new FusionError('target', `${who} is writing ${finalPath}.`, {
    hint: `Wait until it is done, or choose another name. If no merge is running, remove ${temporaryPath}.`,
  })
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
