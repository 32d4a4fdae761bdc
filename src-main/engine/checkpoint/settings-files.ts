import { readdir, stat } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import type { SourceFile } from './containers/container'
import { unreadable } from '../files/reading/file-errors'
import { stateOf } from '../files/reading/file-state'

/** In a model's folder: configurations, schedulers, indexes, vocabularies. */
const FOLDER_ENDINGS = ['.json', '.txt']
/** diffusers' configuration of a single network, beside its weights. */
const CONFIG = 'config.json'
/** LDM's configuration of a single file, beside it, with its name; the first that is there is read. */
const LDM_ENDINGS = ['.yaml', '.yml']

/** Where the configuration of a single file's network lies in diffusers' form. */
export function configPathBeside(file: string): string {
  return join(dirname(file), CONFIG)
}

/** Where LDM's configuration of a single file lies: the first that is there is read. */
export function ldmPathsBeside(file: string): string[] {
  const stem = file.replace(/\.[^./\\]+$/, '')
  return LDM_ENDINGS.map((ending) => stem + ending)
}

/**
 * The files beside the weights that decide what a model computes: of a folder those in it and in its folders, of a single
 * file what `configPathBeside` and `ldmPathsBeside` name. Hidden files are left out; more may be listed than are read.
 * @param path of a folder or a file of weights
 * @returns as they are now, in an order that does not depend on where the model lies
 * @throws FusionError 'not-found', 'unreadable'
 */
export async function settingsFilesOf(path: string): Promise<SourceFile[]> {
  try {
    const isFolder = (await stat(path)).isDirectory()
    const paths = isFolder ? await settingsIn(path) : [configPathBeside(path), ...ldmPathsBeside(path)]
    const files = await Promise.all(paths.map(regularFile))
    return files.filter((file) => file !== null)
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

/** Nothing that belongs to a model lies deeper than in a folder of its folder. */
async function settingsIn(folder: string): Promise<string[]> {
  const inside = await namesIn(folder)
  const further = await Promise.all(inside.map((path) => namesIn(path).catch(() => []))) // most are no folders
  return [...inside, ...further.flat()].filter((path) => FOLDER_ENDINGS.includes(extname(path))).sort()
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder)
  return names.filter((name) => !name.startsWith('.')).map((name) => join(folder, name))
}

/** null for what is no file, or not there: whoever reads it says so. */
async function regularFile(path: string): Promise<SourceFile | null> {
  const found = await stat(path, { bigint: true }).catch(() => null)
  return found?.isFile() ? { path, size: Number(found.size), state: stateOf(found) } : null
}
