import { closeSync, constants, fsyncSync, openSync } from 'node:fs'
import { access, mkdir, open, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { FusionError } from '../../contract/errors'

const PARTIAL = '.partial'
const OLD = '.old'
/** Final name, process, and whether it is what stepped aside. */
const TEMPORARY_NAME = /^\.(.+)\.(\d+)\.partial(\.old)?$/
/** The system's own codes (EIO), not Node's (ERR_…). */
const SYSTEM_ERROR = /^E[A-Z0-9]+$/

/**
 * A file or folder that is written beside its final name and renamed when it is whole: whatever ends the program, no
 * file stands at the final name that is not whole. What a dead process left behind, the next export to that name removes.
 */
export class AtomicOutput {
  private constructor(
    readonly finalPath: string,
    /** Where to write until `commit`: an empty file or folder, which tells other processes that this one writes here. */
    readonly temporaryPath: string,
    readonly folder: boolean,
  ) {}

  /**
   * @param mayReplace whether something at the final name may be replaced; asked once what a dead process left is gone
   * @throws FusionError 'target': its folder is missing or read-only, something is there that may not be replaced, or
   * another process is writing to the same name
   */
  static async create(path: string, folder: boolean, mayReplace: () => Promise<boolean>): Promise<AtomicOutput> {
    const finalPath = resolve(path)
    const parent = dirname(finalPath)
    await mkdir(parent, { recursive: true }).catch((cause: unknown) => {
      throw targetError(`The folder ${parent} cannot be made.`, cause)
    })
    await access(parent, constants.W_OK).catch((cause: unknown) => {
      throw targetError(`The folder ${parent} cannot be written to.`, cause)
    })
    const name = basename(finalPath)
    for (const entry of await readdir(parent)) {
      const owner = partialOwner(entry, name)
      if (owner === undefined) continue
      if (owner !== process.pid && isAlive(owner)) {
        throw new FusionError('target', `Another process (${owner}) is writing ${finalPath}.`, {
          hint: `Wait until it is done, or choose another name. If no merge is running, remove ${join(parent, entry)}.`,
        })
      }
      // A folder that stepped aside for one that never came is the user's: it goes back.
      const steppedAside = entry.endsWith(OLD) && (await stat(finalPath).catch(() => undefined)) === undefined
      if (steppedAside) await rename(join(parent, entry), finalPath)
      else await rm(join(parent, entry), { recursive: true, force: true })
    }
    const existing = await stat(finalPath).catch(() => undefined)
    if (existing && (existing.isDirectory() !== folder || !(await mayReplace()))) {
      throw new FusionError('target', `${finalPath} exists already.`, {
        hint: 'Choose another name, remove it, or allow it to be replaced.',
      })
    }
    const output = new AtomicOutput(finalPath, join(parent, `.${name}.${process.pid}${PARTIAL}`), folder)
    const made = folder ? mkdir(output.temporaryPath) : writeFile(output.temporaryPath, '', { flag: 'wx' })
    await made.catch((error: unknown) => {
      throw writingError(error, finalPath)
    })
    return output
  }

  /** Flushes `files` (absolute) to the disk and gives the output its final name. */
  async commit(files: readonly string[]): Promise<void> {
    for (const file of files) {
      const handle = await open(file, 'r+')
      await handle.sync()
      await handle.close()
    }
    if (this.folder) await this.replaceFolder()
    else await rename(this.temporaryPath, this.finalPath)
    syncFolder(dirname(this.finalPath))
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await rm(this.temporaryPath, { recursive: true, force: true })
  }

  /** A folder cannot be renamed over another: the old one steps aside first and goes when the new one stands. */
  private async replaceFolder(): Promise<void> {
    const old = `${this.temporaryPath}${OLD}`
    const exists = await stat(this.finalPath).then(
      () => true,
      () => false,
    )
    if (exists) await rename(this.finalPath, old)
    await rename(this.temporaryPath, this.finalPath)
    await rm(old, { recursive: true, force: true })
  }
}

/** Whether another process that is alive is writing a file or folder of this final name. */
export async function isBeingWritten(path: string): Promise<boolean> {
  const entries = await readdir(dirname(path)).catch(() => [])
  return entries.some((entry) => {
    const owner = partialOwner(entry, basename(path))
    return owner !== undefined && owner !== process.pid && isAlive(owner)
  })
}

/**
 * @throws FusionError 'target' if the output would be one of the sources or lie inside one (a folder)
 */
export async function checkTargetOutsideSources(target: string, sources: readonly string[]): Promise<void> {
  const real = async (path: string): Promise<string> => realpath(path).catch(() => resolve(path))
  const path = (await real(dirname(resolve(target)))) + sep + basename(target)
  const finalPath = await real(path)
  for (const source of sources) {
    const sourcePath = await real(source)
    if (finalPath === sourcePath || finalPath.startsWith(sourcePath + sep)) {
      throw new FusionError('target', `${target} is or lies inside ${source}, which the merge reads.`, {
        hint: 'Write to another place: sources are never changed.',
      })
    }
    if (sourcePath.startsWith(finalPath + sep)) {
      throw new FusionError('target', `${source}, which the merge reads, lies inside ${target}.`, {
        hint: 'Write to another place: replacing this folder would remove the source.',
      })
    }
  }
}

/**
 * A file system's refusal to write, in words; other errors as they are. Refusals to read have become FusionErrors where
 * they happened.
 */
export function writingError(error: unknown, path: string): unknown {
  if (error instanceof FusionError) return error
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new FusionError('target', `The disk is full: ${path} could not be written.`, {
      hint: 'Free some space or write to another disk. Nothing was left behind.',
      cause: error,
    })
  }
  return code !== undefined && SYSTEM_ERROR.test(code) ? targetError(`${path} could not be written.`, error) : error
}

function targetError(message: string, cause: unknown): FusionError {
  return new FusionError('target', message, {
    detail: cause instanceof Error ? cause.message : String(cause),
    hint: 'Check the path and its permissions, or write to another place.',
    cause,
  })
}

/** Whether the process that is writing, or was, under a temporary name is alive; null for any other name. */
export function writerOf(entry: string): 'alive' | 'dead' | null {
  const match = TEMPORARY_NAME.exec(entry)
  return match && (isAlive(Number(match[2])) ? 'alive' : 'dead')
}

/** The process that a temporary name of this final name belongs to; undefined for any other name. */
function partialOwner(entry: string, name: string): number | undefined {
  const match = TEMPORARY_NAME.exec(entry)
  return match?.[1] === name ? Number(match[2]) : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
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
