import { shallowRef, watch, type ShallowRef } from 'vue'
import type { CommandOutput } from '../../../src-main/contract/protocol/commands'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'

export type FileMetadata = CommandOutput<'models.metadata'>['files'][number]

/** What the files of a model say of themselves, those that do; null until they are read. A failure becomes a notice. */
export function useMetadata(path: () => string): Readonly<ShallowRef<readonly FileMetadata[] | null>> {
  const session = useSession()
  const notices = useNotices()
  const files = shallowRef<readonly FileMetadata[] | null>(null)
  watch(
    path,
    async (wanted) => {
      files.value = null
      const answer = await notices.attempt(() => session.invoke('models.metadata', { path: wanted }))
      if (wanted !== path()) return
      files.value = answer?.files.filter(({ metadata }) => Object.keys(metadata).length > 0) ?? null
    },
    { immediate: true },
  )
  return files
}
