import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { targetError } from './writing-error'

/**
 * Makes a folder and those above it that are missing. Node's own `recursive` never returns below /proc, where the
 * system says of a folder that is there that it is missing.
 * @param mode permissions of those that are made, less the umask
 * @throws the file system's own error
 */
export function makeFolder(path: string, mode = 0o777): void {
  const folder = resolve(path)
  if (isFolder(folder)) return
  const parent = dirname(folder)
  if (parent !== folder) makeFolder(parent, mode)
  try {
    mkdirSync(folder, { mode })
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!isFolder(folder)) throw error
  }
}

/** As makeFolder, for a folder that a person names. @throws FusionError 'target' */
export function makeTargetFolder(path: string): void {
  try {
    makeFolder(path)
  } catch (cause) {
    throw targetError(`The folder ${path} cannot be made.`, cause)
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
