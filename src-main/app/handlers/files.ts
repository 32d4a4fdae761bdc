import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CommandOutput } from '../../contract/protocol/commands'
import { FusionError } from '../../contract/errors'
import { targetName } from '../../contract/document/names/file-names'
import { isProjectPath, isRecipeName, isWeightsName } from '../../contract/document/names/model-names'
import { isThere } from '../../engine/files/reading/regular-file'
import { makeTargetFolder } from '../../engine/files/writing/make-folder'
import { DENOISER_COMPONENTS } from '../../contract/values/denoisers'
import { checkNamedTarget, type PathAccess } from '../files/path-access'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

type FolderEntry = CommandOutput<'files.list'>['entries'][number]

/** More than a person looks through. */
const MAX_ENTRIES = 5000

export function fileHandlers({ host }: Studio): Handlers<Group<'files'>> {
  return {
    'files.roots': () => ({ roots: [...host.access.roots] }),
    'files.list': async ({ path }) => {
      const folder = await host.access.check(path)
      const parent = await host.access.check(dirname(folder)).catch(() => null)
      return { path: folder, parent: parent === folder ? null : parent, entries: await listFolder(folder, host.access) }
    },
    'files.makeFolder': async ({ path }) => {
      const folder = await checkNamedTarget(host.access, path, (given) => targetName(given, null))
      if (isThere(folder)) {
        throw new FusionError('target', `${folder} exists already.`, { hint: 'Choose another name, or open it.' })
      }
      makeTargetFolder(folder)
      return { path: folder }
    },
    'files.dialog': async ({ purpose, suggested, title }) => ({ paths: await host.dialog(purpose, suggested, title) }),
    'files.showInFolder': async ({ path }) => {
      host.showInFolder(await host.access.check(path))
      return {}
    },
  }
}

async function listFolder(folder: string, access: PathAccess): Promise<FolderEntry[]> {
  const found = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new FusionError(missing ? 'not-found' : 'unreadable', `${folder} cannot be listed.`, { cause })
  })
  const visible = found.filter(({ name }) => !name.startsWith('.')).slice(0, MAX_ENTRIES)
  const entries = await Promise.all(visible.map((entry) => entryOf(folder, entry, access)))
  return entries
    .filter((entry) => entry !== null)
    .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true }))
}

function rank({ kind }: FolderEntry): number {
  return kind === 'folder' || kind === 'model-folder' ? 0 : 1
}

/** null for what cannot be looked at: a broken link, or one that leads to what may not be read. */
async function entryOf(folder: string, entry: Dirent, access: PathAccess): Promise<FolderEntry | null> {
  const { name } = entry
  const path = join(folder, name)
  try {
    if (entry.isSymbolicLink()) await access.check(path)
    const { size, mtimeMs, ...found } = await stat(path).then((entry) => ({
      size: entry.size,
      mtimeMs: entry.mtimeMs,
      isFolder: entry.isDirectory(),
    }))
    const kind = found.isFolder ? ((await isModelFolder(path)) ? 'model-folder' : 'folder') : fileKind(name)
    return { name, path, kind, size: found.isFolder ? 0 : size, time: mtimeMs }
  } catch {
    return null
  }
}

/** A pipeline, a part of one, or a folder that holds a denoiser's folder (`style/` with a `unet/` in it). */
async function isModelFolder(path: string): Promise<boolean> {
  const names: string[] = await readdir(path).catch(() => [])
  if (names.includes('model_index.json') || isComponentFolder(names)) return true
  const denoiser = DENOISER_COMPONENTS.find((name) => names.includes(name))
  return denoiser !== undefined && isComponentFolder(await readdir(join(path, denoiser)).catch(() => []))
}

function isComponentFolder(names: readonly string[]): boolean {
  return names.includes('config.json') && names.some(isWeightsName)
}

function fileKind(name: string): FolderEntry['kind'] {
  if (isProjectPath(name)) return 'project'
  if (isWeightsName(name)) return 'model'
  if (isRecipeName(name) || name.toLowerCase().endsWith('.json')) return 'recipe'
  return name.toLowerCase().endsWith('.png') ? 'picture' : 'file'
}
