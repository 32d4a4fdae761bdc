import { chmodSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from './make-folder'

/** Permissions of the program's own files and folders (settings, pictures, caches): nobody else reads them. */
export const PRIVATE_FILE = 0o600
export const PRIVATE_FOLDER = 0o700

/** Permissions of files and folders that are made, less the umask. */
export interface Permissions {
  file: number
  folder: number
}
export const PRIVATE: Permissions = { file: PRIVATE_FILE, folder: PRIVATE_FOLDER }
/** In folders that a person names: people share them as their umask says. */
export const SHARED: Permissions = { file: 0o666, folder: 0o777 }

/** Makes a folder of the program's own, with those above it that are missing. @throws the file system's own error */
export function makePrivateFolder(path: string): void {
  makeFolder(path, PRIVATE_FOLDER)
}

/**
 * Takes a file of the program's own, or a folder with all that is in it, from everybody else. What is missing, is a
 * link, or belongs to somebody else stays as it is; so does what lies in a folder that nobody else can enter.
 */
export function makePrivate(path: string): void {
  try {
    const found = lstatSync(path)
    const mode = found.isDirectory() ? PRIVATE_FOLDER : PRIVATE_FILE
    if (!found.isDirectory() && !found.isFile()) return
    if ((found.mode & 0o777) === mode) return
    chmodSync(path, mode)
    if (found.isDirectory()) for (const name of readdirSync(path)) makePrivate(join(path, name))
  } catch {
    // Missing, or not this person's.
  }
}
