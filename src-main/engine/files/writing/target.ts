import { lstat, realpath, stat } from 'node:fs/promises'
import { homedir, userInfo } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { isInside } from '../reading/inside'
import { kindInWords } from '../reading/regular-file'
import { writingError } from './writing-error'

/**
 * How what stands at a target compares with what a writer writes there: its own, which it replaces unasked; of the same
 * kind, which it replaces where the user says so; anything else, which it never replaces.
 */
export type Standing = { is: 'own' } | { is: 'same-kind' } | { is: 'foreign'; because: string }

/** What a writer writes. */
export interface TargetKind {
  /** For people: 'PNG picture'. */
  readonly title: string
  readonly folder: boolean
  /** @param path of a regular file, or where `folder` of a folder; never of a link */
  compare(path: string): Promise<Standing>
}

/** What may be replaced at a target. */
export interface TargetRule {
  readonly kind: TargetKind
  /** Whether the user says that something of the same kind may be replaced. */
  readonly overwrite: boolean
  /** Files and folders that are read: neither they nor files in them are replaced. */
  readonly sources?: readonly string[]
}

/**
 * A kind of file.
 * @param matches gives false, or throws, for a regular file that is not of the kind
 * @param isOwn the same for one that the writer may replace unasked; none is if left out
 */
export function fileKind(
  title: string,
  matches: (path: string) => Promise<unknown>,
  isOwn?: (path: string) => Promise<unknown>,
): TargetKind {
  const holds = (test: (path: string) => Promise<unknown>, path: string): Promise<boolean> =>
    test(path).then(
      (answer) => answer !== false,
      () => false,
    )
  return {
    title,
    folder: false,
    async compare(path) {
      if (isOwn && (await holds(isOwn, path))) return { is: 'own' }
      const isEmpty = (await stat(path)).size === 0 // nothing is lost with it
      return isEmpty || (await holds(matches, path))
        ? { is: 'same-kind' }
        : { is: 'foreign', because: `it is not a ${title}` }
    },
  }
}

/**
 * The one rule of what may be written over, for every writer at a place that a person or a project names.
 * @throws FusionError 'target': something stands at `path` that may not be replaced (a link, a device, a folder in place
 * of a file, another kind of file, a source, a folder with other things in it, a place that the system needs)
 */
export async function checkTarget(path: string, { kind, overwrite, sources = [] }: TargetRule): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw writingError(error, path)
  })
  if (!found) return
  if (found.isSymbolicLink()) {
    throw new FusionError('target', `${path} is a link. Links are neither followed nor replaced.`, {
      hint: 'Name the place that it points to, or remove the link.',
    })
  }
  if (!found.isFile() && !found.isDirectory()) {
    throw new FusionError('target', `${path} is not a regular file but ${kindInWords(found)}.`, {
      hint: 'Choose another name.',
    })
  }
  if (found.isDirectory() !== kind.folder) {
    const [is, wanted] = kind.folder ? ['file', 'folder'] : ['folder', 'file']
    throw new FusionError('target', `${path} exists already, as a ${is}; a ${wanted} is to be written.`, {
      hint: 'Choose another name.',
    })
  }
  const needed = kind.folder ? await neededFor(path) : null
  if (needed !== null) {
    throw new FusionError('target', `${path} is not replaced: it is ${needed}.`, { hint: 'Name a folder inside it.' })
  }
  const source = await sourceWith(path, sources)
  if (source !== undefined) {
    throw new FusionError('target', `${path} is not replaced: it is or lies inside ${source}, which is read.`, {
      hint: 'Write to another place: sources are never changed.',
    })
  }
  const standing = await kind.compare(path).catch((error: unknown) => {
    throw writingError(error, path)
  })
  if (standing.is === 'foreign') {
    throw new FusionError('target', `${path} exists already and is not replaced: ${standing.because}.`, {
      hint: 'Choose another name, or move away what is there.',
    })
  }
  if (standing.is === 'same-kind' && !overwrite) {
    throw new FusionError('target', `${path} exists already.`, {
      hint: 'Choose another name, remove it, or allow it to be replaced.',
    })
  }
}

/**
 * @throws FusionError 'target' if the output would be one of the sources, lie inside one (a folder), or hold one
 */
export async function checkTargetOutsideSources(target: string, sources: readonly string[]): Promise<void> {
  const paths = await realPlaces(target)
  for (const source of sources) {
    const sourcePath = await realPath(source)
    for (const path of paths) {
      if (isInside(path, sourcePath)) {
        throw new FusionError('target', `${target} is or lies inside ${source}, which the merge reads.`, {
          hint: 'Write to another place: sources are never changed.',
        })
      }
      if (isInside(sourcePath, path)) {
        throw new FusionError('target', `${source}, a source of the merge, is inside ${target}.`, {
          hint: 'Write to another place: replacing this folder would remove the source.',
        })
      }
    }
  }
}

/** Whether a target is or lies inside a folder, with all links followed. */
export async function isTargetInside(target: string, folder: string): Promise<boolean> {
  const [paths, real] = [await realPlaces(target), await realPath(folder)]
  return paths.some((path) => isInside(path, real))
}

/** Where a target is: where it is a link, both it and what it points to. */
async function realPlaces(target: string): Promise<string[]> {
  const own = resolve(target)
  return [...new Set([await realTarget(own), await realPath(own)])]
}

/** The source that something existing is, or lies in. */
async function sourceWith(path: string, sources: readonly string[]): Promise<string | undefined> {
  const own = await realPath(path)
  for (const source of sources) if (isInside(own, await realPath(source))) return source
  return undefined
}

/** What makes a folder one that is never replaced, even if it is empty; null if nothing does. */
async function neededFor(folder: string): Promise<string | null> {
  const path = await realPath(folder)
  if (dirname(path) === path) return 'the root of a file system'
  if ((await stat(path)).dev !== (await stat(dirname(path))).dev) return 'a mount point'
  for (const [title, needed] of [
    ['a home folder', homedir()],
    ['a home folder', userInfo().homedir],
    ['the current folder', process.cwd()],
  ] as const) {
    const real = await realPath(needed)
    if (real === path) return title
    if (isInside(real, path)) return `a parent of ${needed}`
  }
  return null
}

/** The path with all links followed as far as it exists. */
async function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => realTarget(resolve(path)))
}

/** The path with all links followed but its last name's. */
async function realTarget(path: string): Promise<string> {
  const parent = dirname(path)
  return parent === path ? path : join(await realPath(parent), basename(path))
}
