import { basename, dirname, isAbsolute, join } from 'node:path'
import { cachedPaths, hashedFiles } from '../engine/checkpoint/hash'
import { isThere } from '../engine/files/reading/regular-file'
import { filesOfModel } from '../engine/merge/open-model'

/** Where the models of a recipe are looked for. */
export interface ModelSearch {
  /** Of the hashes of files that the program has opened. */
  cacheFolder: string
  /** Whether a model may be used. */
  mayRead(path: string): Promise<boolean>
  /** The models in the library's folders; none where nothing is said. */
  listed?(): Promise<readonly { name: string; path: string }[]>
}

/** A file with this hash that may be read, or null. */
export async function fileOfHash(sha256: string, { cacheFolder, mayRead }: ModelSearch): Promise<string | null> {
  for (const path of await cachedPaths(sha256, cacheFolder)) if (await mayRead(path)) return path
  return null
}

/** The path that opens a model which these files belong to: a single file, a component's folder, or a pipeline. */
export async function modelOfFiles(
  files: readonly { sha256: string }[],
  { cacheFolder, mayRead }: ModelSearch,
): Promise<string | null> {
  const found = await Promise.all(files.map(({ sha256 }) => cachedPaths(sha256, cacheFolder)))
  for (const first of found[0]!) {
    const folder = dirname(first)
    const inFolder = basename(first) !== basename(folder) && /^((diffusion_)?pytorch_)?model[.-]/.test(basename(first))
    const pipeline = dirname(folder)
    const candidate =
      files.length === 1
        ? inFolder
          ? folder
          : first
        : found.every((paths) => paths.some((other) => dirname(other) === folder))
          ? folder
          : pipeline
    if (!(await mayRead(candidate))) continue
    const opened = await filesOfModel(candidate).catch(() => null)
    if (opened?.length === files.length) return candidate
  }
  return null
}

/**
 * The model that a recipe of another program names by its place on some machine: below the recipe's own folder; else by
 * the name of its file or folder among the files that were hashed and those of the library. A path out of the recipe's
 * folder is never followed by itself: what it names has to be known to the program.
 * @returns null where nothing has the name, or several have
 */
export async function modelOfPlace(place: string, folder: string, search: ModelSearch): Promise<string | null> {
  const parts = place.split(/[\\/]/).filter((part) => part !== '' && part !== '.')
  const name = parts.at(-1)
  if (name === undefined || parts.includes('..') || place.includes('\0')) return null
  const beside = [...(isAbsolute(place) ? [] : [join(folder, ...parts)]), join(folder, name)]
  for (const path of beside) if (isThere(path) && (await search.mayRead(path))) return path
  const listed = (await search.listed?.()) ?? []
  const known = [
    ...(await hashedFiles(search.cacheFolder, (path) => basename(path) === name)),
    ...listed.filter((model) => model.name === place || basename(model.path) === name).map(({ path }) => path),
  ]
  const usable: string[] = []
  for (const path of new Set(known)) if (await search.mayRead(path)) usable.push(path)
  return usable.find((path) => path === place) ?? (usable.length === 1 ? usable[0]! : null)
}
