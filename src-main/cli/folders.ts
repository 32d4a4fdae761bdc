import { accessSync, chmodSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Cache } from '../project/cache'
import { makePrivateFolder, PRIVATE_FOLDER } from '../engine/files/writing/permissions'
import { targetError } from '../engine/files/writing/writing-error'
import { say } from './output/output'

const NAME = 'featurefusion-studio'

let cache: string | undefined

/**
 * The program's cache: hashes, contributions, pictures. FEATUREFUSION_CACHE names another folder. Where it cannot be
 * written, a temporary one that goes with this process; a note says so once.
 * @throws FusionError 'target' where temporary files cannot be written either
 */
export function cacheFolder(): string {
  if (cache !== undefined) return cache
  const { folder, problem } = ownFolder('FEATUREFUSION_CACHE', cacheBase)
  if (problem === undefined) new Cache(folder).makePrivate()
  else {
    say(`Note: the cache folder cannot be used (${problem}). Nothing is kept for the next time.`)
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  }
  return (cache = folder)
}

/**
 * What the program keeps for a person: project, settings, pictures, log. FEATUREFUSION_DATA names another folder. Where
 * it cannot be written, a temporary one that stays; a note names it.
 * @throws FusionError 'target' where temporary files cannot be written either
 */
export function dataFolder(): string {
  const { folder, problem } = ownFolder('FEATUREFUSION_DATA', dataBase)
  if (problem !== undefined)
    say(`Note: the data folder cannot be used (${problem}). Project, settings and pictures are kept in ${folder}.`)
  return folder
}

/** A folder of ours that can be written: the one that a variable names, else ours below `base`, else a temporary one. */
function ownFolder(variable: string, base: () => string): { folder: string; problem?: string } {
  try {
    const folder = process.env[variable] || join(base(), NAME)
    makePrivateFolder(folder)
    accessSync(folder, constants.W_OK)
    // A folder of another name may be shared on purpose.
    if (basename(folder) === NAME) chmodSync(folder, PRIVATE_FOLDER)
    return { folder }
  } catch (error) {
    return { folder: temporaryFolder(), problem: error instanceof Error ? error.message : String(error) }
  }
}

function temporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), `${NAME}-`))
  } catch (cause) {
    throw targetError(`No temporary files can be written to ${tmpdir()}.`, cause)
  }
}

function cacheBase(): string {
  if (process.platform === 'win32') return process.env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches')
  return process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
}

function dataBase(): string {
  if (process.platform === 'win32') return process.env['APPDATA'] ?? join(homedir(), 'AppData', 'Roaming')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support')
  return process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config')
}
