import { realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { FusionError } from '../contract/errors'

/** Which paths commands may name. */
export interface PathAccess {
  /** Folders for the file browser. */
  readonly roots: readonly { name: string; path: string }[]
  /**
   * The absolute path, if it may be used; it need not exist.
   * @throws FusionError 'validation'
   */
  check(path: string): Promise<string>
}

/** The desktop: what the person may read, the program may read. */
export function unlimitedAccess(roots: readonly { name: string; path: string }[]): PathAccess {
  return { roots, check: (path) => Promise.resolve(resolve(path)) }
}

/** Only what lies inside some folders, links followed. */
export async function accessInside(folders: readonly string[]): Promise<PathAccess> {
  const roots = await Promise.all([...new Set(folders.map((folder) => resolve(folder)))].map(realFolder))
  return {
    roots: roots.map((path) => ({ name: basename(path) || path, path })),
    async check(path) {
      const real = await realOf(resolve(path))
      if (roots.some((root) => real === root || real.startsWith(root.endsWith(sep) ? root : root + sep))) return real
      throw new FusionError('validation', `${path} lies outside the folders that may be used.`, {
        hint: `Allowed: ${roots.join(', ')}. Start with --allow FOLDER for others.`,
      })
    },
  }
}

async function realFolder(folder: string): Promise<string> {
  return realpath(folder).catch((cause: unknown) => {
    throw new FusionError('not-found', `The allowed folder ${folder} is not there.`, { cause })
  })
}

/** The path with all links followed; what does not exist yet keeps its name inside its real folder. */
async function realOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    const parent = dirname(path)
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) {
      throw new FusionError('unreadable', `${path} cannot be resolved.`, { cause: error })
    }
    return join(await realOf(parent), basename(path))
  }
}
