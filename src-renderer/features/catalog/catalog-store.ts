import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { CommandOutput } from '../../../src-main/contract/protocol/commands'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'

export type Catalog = CommandOutput<'app.catalog'>

/** What the program can do beside its methods, which contract/methods lists: its schedulers, with their words. */
export const useCatalog = defineStore('catalog', () => {
  const session = useSession()
  const notices = useNotices()
  const catalog = shallowRef<Catalog | null>(null)

  session.onSnapshot(async () => {
    catalog.value ??= (await notices.attempt(() => session.invoke('app.catalog', {}))) ?? null
  })

  const schedulers = computed(() => catalog.value?.schedulers ?? [])
  return { schedulers }
})
