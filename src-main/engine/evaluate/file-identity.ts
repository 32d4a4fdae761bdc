import { extname, relative, resolve } from 'node:path'
import { hashFile, type HashOptions } from '../checkpoint/hash'
import { unreadable } from '../files/reading/file-errors'
import { fileState } from '../files/reading/file-state'
import { isInside } from '../files/reading/inside'
import { filesBehindModel } from '../merge/open-model'

/** How a key tells a file from every other one. */
export interface FileIdentity {
  /** The part that a path plays. */
  path(path: string): string | null
  /**
   * A file. @param root the file itself, or the folder that it belongs to
   * @throws FusionError 'not-found', 'unreadable'
   */
  file(path: string, root: string): Promise<unknown>
  /** All files of a model, those of its settings as well. @throws what opening it throws */
  model(path: string): Promise<unknown>
}

/** By path and state: quick, and of this machine alone. */
export const byState: FileIdentity = {
  path: (path) => path,
  async file(path) {
    const state = await fileState(path).catch((cause: unknown) => {
      throw unreadable(path, cause)
    })
    return [path, state]
  },
  async model(path) {
    return (await filesBehindModel(path)).map(({ path: file, state }) => [file, state])
  },
}

/** By what it holds, and by its name in its folder: the same on every machine. Each file is hashed once. */
export function byContent(hashing: Pick<HashOptions, 'cacheFolder' | 'signal'>): FileIdentity {
  const hashes = new Map<string, Promise<string>>()
  const hashOf = (path: string): Promise<string> => {
    const known = hashes.get(path) ?? hashFile(path, hashing)
    hashes.set(path, known)
    return known
  }
  const models = new Map<string, Promise<unknown>>()
  const file: FileIdentity['file'] = async (path, root) => [relative(root, path), await hashOf(path)]
  const model = async (path: string): Promise<unknown> => {
    const told: unknown[] = []
    for (const each of await filesBehindModel(path)) told.push([nameIn(path, each.path), await hashOf(each.path)])
    return told
  }
  return {
    path: () => null,
    file,
    model(path) {
      const known = models.get(path) ?? model(path)
      models.set(path, known)
      return known
    },
  }
}

/** A file's name in its model's folder; of what lies elsewhere (beside a single file) the ending alone. */
function nameIn(model: string, file: string): string {
  return isInside(file, resolve(model)) ? relative(model, file) : extname(file)
}
