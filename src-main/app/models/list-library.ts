import type { LibraryListing } from '../../contract/library'
import { listModels } from '../../engine/library/list-models'
import type { Studio } from '../studio'

/** The models in the folders of the settings, as far as they may be read. */
export function listLibrary({ settings, cache, mayRead }: Studio): Promise<LibraryListing> {
  return listModels(settings.value.modelFolders, { cacheFolder: cache.folder, mayRead })
}
