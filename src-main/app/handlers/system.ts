import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { freemem, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { CommandOutput } from '../../contract/commands'
import { FusionError } from '../../contract/errors'
import { isWeightsName } from '../../contract/model-names'
import { SCHEDULER_CHOICES } from '../../engine/schedulers/index'
import { probeProviders } from '../../engine/runtime/providers'
import type { PathAccess } from '../files/path-access'
import { PROJECT_SUFFIX } from '../../project/project-file'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

type SystemCommands =
  Group<'app'> | Group<'devices'> | Group<'settings'> | Group<'cache'> | Group<'files'> | Group<'log'>
type FolderEntry = CommandOutput<'files.list'>['entries'][number]

/** Pages that the interface may open in the system's browser. */
const EXTERNAL_PAGES = [
  'https://github.com/',
  'https://huggingface.co/',
  'https://arxiv.org/',
  'https://onnxruntime.ai/',
]
/** More than a person looks through. */
const MAX_ENTRIES = 5000

/** What has to do with the program and its machine, not with the document. */
export function systemHandlers(studio: Studio): Handlers<SystemCommands> {
  const { host, settings, events, log, options } = studio
  const cacheSize = async (): Promise<CommandOutput<'cache.size'>> => {
    const { cache } = studio
    return { folder: cache.folder, bytes: await cache.size(), limitBytes: settings.value.cacheLimitBytes }
  }
  return {
    'app.snapshot': async () => {
      const recent = await studio.project.recent(studio.mayRead)
      return {
        sequence: events.sequence,
        host: host.kind,
        platform: process.platform,
        version: options.version,
        project: studio.project.state,
        jobs: studio.queue.list(),
        settings: settings.value,
        compute: studio.compute.state,
        live: studio.live.state,
        recent,
      }
    },
    'app.events': ({ after }) => ({ events: events.since(after) }),
    'app.catalog': () => ({
      schedulers: SCHEDULER_CHOICES.map(({ name, title }) => ({ name, title })),
    }),
    'app.openExternal': async ({ url }) => {
      if (!EXTERNAL_PAGES.some((page) => url.startsWith(page))) {
        throw new FusionError('validation', `${url} is not among the pages that may be opened.`)
      }
      await host.openExternal(url)
      return {}
    },
    'devices.list': async ({ again }) => ({
      providers: await probeProviders({ again }),
      chosen: settings.value.device,
      totalMemoryBytes: totalmem(),
      freeMemoryBytes: freemem(),
    }),
    'settings.get': () => settings.value,
    'settings.set': async ({ cacheFolder, modelFolders, theme, device, cacheLimitBytes }) =>
      settings.set({
        ...(theme !== undefined && { theme }),
        ...(device !== undefined && { device }),
        ...(cacheLimitBytes !== undefined && { cacheLimitBytes }),
        ...(cacheFolder !== undefined && {
          cacheFolder: cacheFolder === null ? null : await host.access.checkFolder(cacheFolder),
        }),
        ...(modelFolders && { modelFolders: await Promise.all(modelFolders.map((path) => host.access.check(path))) }),
      }),
    'cache.size': cacheSize,
    'cache.clear': async () => {
      await studio.cache.clear()
      return cacheSize()
    },
    'files.roots': () => ({ roots: [...host.access.roots] }),
    'files.list': async ({ path }) => {
      const folder = await host.access.check(path)
      const parent = await host.access.check(dirname(folder)).catch(() => null)
      return { path: folder, parent: parent === folder ? null : parent, entries: await listFolder(folder, host.access) }
    },
    'files.dialog': async ({ purpose, suggested }) => ({ paths: await host.dialog(purpose, suggested) }),
    'files.showInFolder': async ({ path }) => {
      host.showInFolder(await host.access.check(path))
      return {}
    },
    'log.read': ({ limit }) => ({ entries: log.read(limit) }),
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

async function isModelFolder(path: string): Promise<boolean> {
  const names: string[] = await readdir(path).catch(() => [])
  return names.includes('model_index.json') || (names.includes('config.json') && names.some(isWeightsName))
}

function fileKind(name: string): FolderEntry['kind'] {
  if (name.endsWith(PROJECT_SUFFIX)) return 'project'
  if (isWeightsName(name)) return 'model'
  return name.endsWith('.png') ? 'picture' : 'file'
}
