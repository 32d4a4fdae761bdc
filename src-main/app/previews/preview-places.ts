import type { Studio } from '../studio'
import type { PreviewPlaces } from './preview-plan'

/** Where planned pictures lie, and what they are compared with. */
export function previewPlaces(studio: Pick<Studio, 'cache' | 'history' | 'checkMerge'>): PreviewPlaces {
  const { history, checkMerge } = studio
  return {
    get merges() {
      return studio.cache.merges
    },
    pictureFile: (id) => history.file(id),
    lastOtherMerge: (merge, { models }) =>
      history.lastOtherMerge(
        merge,
        models.map(({ path }) => path),
      ),
    checkMerge,
  }
}
