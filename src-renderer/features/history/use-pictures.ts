import { shallowRef, watch, type ShallowRef } from 'vue'
import type { HistoryEntry } from '../../../src-main/contract/history'
import type { Picture } from '../../../src-main/contract/preview'
import { useHistory } from './history-store'

/** The pictures of an entry, while it is shown; none before they are there. */
export function usePictures(entry: () => HistoryEntry): Readonly<ShallowRef<readonly Picture[]>> {
  const history = useHistory()
  const pictures = shallowRef<readonly Picture[]>([])
  watch(
    entry,
    async (wanted, before) => {
      if (wanted.id !== before?.id) pictures.value = []
      const found = await history.picturesOf(wanted)
      if (entry().id === wanted.id) pictures.value = found
    },
    { immediate: true },
  )
  return pictures
}
