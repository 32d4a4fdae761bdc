import { closeSync, constants, fsyncSync, openSync } from 'node:fs'
import { access, mkdir, open, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { FusionError } from '../../contract/errors'
import { isAlive, nameAside, temporaryName, temporaryNameOf } from './temporary-name'
import { targetError, writingError } from './writing-error'

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
      const temporary = temporaryNameOf(entry, name)
      if (!temporary) continue
      const { owner } = temporary
      if (owner !== process.pid && isAlive(owner)) {
        throw new FusionError('target', `Another process (${owner}) is writing ${finalPath}.`, {
          hint: `Wait until it is done, or choose another name. If no merge is running, remove ${join(parent, entry)}.`,
        })
      }
      // A folder that stepped aside for one that never came is the user's: it goes back.
      const steppedAside = temporary.steppedAside && (await stat(finalPath).catch(() => undefined)) === undefined
      if (steppedAside) await rename(join(parent, entry), finalPath)
      else await rm(join(parent, entry), { recursive: true, force: true })
    }
    const existing = await stat(finalPath).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw writingError(error, finalPath)
    })
    if (existing && (existing.isDirectory() !== folder || !(await mayReplace()))) {
      throw new FusionError('target', `${finalPath} exists already.`, {
        hint: 'Choose another name, remove it, or allow it to be replaced.',
      })
    }
    const output = new AtomicOutput(finalPath, join(parent, temporaryName(name)), folder)
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
    const old = nameAside(this.temporaryPath)
    const exists = await stat(this.finalPath).then(
      () => true,
      () => false,
    )
    if (exists) await rename(this.finalPath, old)
    await rename(this.temporaryPath, this.finalPath)
    await rm(old, { recursive: true, force: true })
  }
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
