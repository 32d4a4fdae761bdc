import { readlink, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { FusionError } from '../../contract/errors'
import { isInside } from '../../engine/files/reading/inside'

/** Links that one path may follow, as systems have it. */
const MOST_LINKS = 40

/** Which paths commands may name. */
export interface PathAccess {
  /** Folders for the file browser. */
  readonly roots: readonly { name: string; path: string }[]
  /**
   * The absolute path, if it may be read; it need not exist.
   * @throws FusionError 'validation'
   */
  check(path: string): Promise<string>
  /** The same for a folder that is written into. */
  checkFolder(path: string): Promise<string>
  /**
   * The same for a file or folder that is made or replaced: its last name stays as it is, so that a link there is seen by
   * the writer, which follows none. Never an allowed folder, or one that holds it.
   * @throws FusionError 'validation', 'target'
   */
  checkTarget(path: string): Promise<string>
}

/** The desktop: what the person may read, the program may read. */
export function unlimitedAccess(roots: readonly { name: string; path: string }[]): PathAccess {
  const check = (path: string): Promise<string> => Promise.resolve(resolve(path))
  return { roots, check, checkFolder: check, checkTarget: check }
}

/**
 * A target under the name that it gets. Checked before, too: of what lies outside, nothing is said of its name.
 * @throws FusionError as checkTarget and `naming` do
 */
export async function checkNamedTarget(
  access: PathAccess,
  path: string,
  naming: (path: string) => string,
): Promise<string> {
  await access.checkTarget(path)
  return access.checkTarget(naming(path))
}

/** Only what lies inside some folders, links followed; of `readOnly` ones nothing can be written. */
export async function accessInside(folders: readonly string[], readOnly: readonly string[]): Promise<PathAccess> {
  const writable = await Promise.all([...new Set(folders.map((folder) => resolve(folder)))].map(realFolder))
  const readable = [...writable, ...(await Promise.all(readOnly.map(realFolder)))]
  return {
    roots: readable.map((path) => ({ name: basename(path) || path, path })),
    check: (path) => checkInside(path, readable, 'used'),
    checkFolder: (path) => checkInside(path, writable, 'written to'),
    checkTarget: (path) => checkTarget(path, writable, readable),
  }
}

/** One answer for all that lies outside, whether it is there or not. */
async function checkInside(path: string, roots: readonly string[], purpose: string): Promise<string> {
  const real = await realOf(resolve(path))
  if (real !== null && roots.some((root) => isInside(real, root))) return real
  throw new FusionError('validation', `${path} lies outside the folders that may be ${purpose}.`, {
    hint: `Allowed: ${roots.join(', ') || 'none'}. Start with --allow FOLDER for others.`,
  })
}

async function checkTarget(path: string, writable: readonly string[], kept: readonly string[]): Promise<string> {
  await checkInside(path, writable, 'written to')
  const absolute = resolve(path)
  const target = join((await realOf(dirname(absolute))) ?? dirname(absolute), basename(absolute))
  if (kept.some((root) => isInside(root, target))) {
    throw new FusionError('target', `${path} is an allowed folder or holds one: it is not replaced.`, {
      hint: 'Name something inside it.',
    })
  }
  await checkInside(target, writable, 'written to')
  return target
}

async function realFolder(folder: string): Promise<string> {
  return realpath(folder).catch((cause: unknown) => {
    throw new FusionError('not-found', `The allowed folder ${folder} is not there.`, { cause })
  })
}

/**
 * The path with all links followed, also those that lead to nothing; what does not exist yet keeps its name inside its
 * real folder. null for a circle of links, and for what no path can be.
 */
async function realOf(path: string, links = 0): Promise<string | null> {
  if (path.includes('\0')) return null
  const real = await realpath(path).catch(() => null)
  if (real !== null) return real
  const parent = dirname(path)
  if (parent === path) return path
  const folder = await realOf(parent, links)
  if (folder === null) return null
  const own = join(folder, basename(path))
  const target = await readlink(own).catch(() => null)
  if (target === null) return own
  return links < MOST_LINKS ? realOf(resolve(folder, target), links + 1) : null
}
