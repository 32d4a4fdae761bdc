import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { stateOf } from '../files/reading/file-state'

/** A folder with more entries is no model. */
const MOST_FILES = 2000
/** Beside a weights file: its config.json, the .yaml of the original programs. */
const CONFIG_NAME = /\.(json|ya?ml)$/i

/**
 * The state of all that openCheckpoint reads at a path: a weights file with the configs beside it, or the files of a
 * folder and of the folders in it. Equal states are one model; no header is read.
 * @returns null where there is nothing, or too much to be one model
 */
export async function checkpointState(path: string): Promise<string | null> {
  const absolute = resolve(path)
  try {
    const files = (await stat(absolute)).isDirectory() ? await filesIn(absolute) : await withConfigs(absolute)
    if (files.length > MOST_FILES) return null
    return (await Promise.all(files.map(entryState))).join('\n')
  } catch {
    return null
  }
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await entriesOf(folder)
  const inner = await Promise.all(
    entries.slice(0, MOST_FILES).map(async (entry) => {
      // A link may lead to a folder; what leads to none has no entries.
      return entry.isFile() ? [] : entriesOf(pathOf(entry)).catch(() => [])
    }),
  )
  return [folder, ...[...entries, ...inner.flat()].map(pathOf).sort()]
}

async function withConfigs(file: string): Promise<string[]> {
  const configs = (await entriesOf(dirname(file))).filter(({ name }) => CONFIG_NAME.test(name))
  return [file, ...configs.map(pathOf).sort()]
}

function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true })
}

function pathOf({ parentPath, name }: Dirent): string {
  return join(parentPath, name)
}

/** Of what a link leads to. */
async function entryState(path: string): Promise<string> {
  const state = await stat(path, { bigint: true }).then(stateOf, () => 'gone')
  return `${path} ${state}`
}
