import { isThere } from '../../engine/files/reading/regular-file'
import { hubCacheFolder } from '../../engine/library/program-folders'
import { readThumbnail } from '../../engine/library/thumbnails'
import { listLibrary } from '../models/list-library'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function libraryHandlers(studio: Studio): Handlers<Group<'library'>> {
  const { host, settings, libraryHashes } = studio
  return {
    'library.list': async () => {
      const { modelFolders } = settings.value
      const listing = await listLibrary(studio)
      const hub = hubCacheFolder()
      const suggested = !modelFolders.includes(hub) && (await studio.mayRead(hub)) && isThere(hub)
      return { ...listing, suggestions: suggested ? [{ path: hub, program: 'hugging-face' as const }] : [] }
    },
    'library.thumbnail': async ({ path }) => {
      const { type, bytes } = await readThumbnail(await host.access.check(path))
      return { type, base64: bytes.toString('base64') }
    },
    'library.hash': async ({ paths }) => {
      libraryHashes.start(await Promise.all(paths.map((path) => host.access.check(path))))
      return {}
    },
  }
}
