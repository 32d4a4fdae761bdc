import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { CommandOutput } from '../../../src-main/contract/commands'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { useProject } from '../project/project-store'

export type Catalog = CommandOutput<'app.catalog'>
export type MethodDescription = Catalog['methods'][number]

/** What the program can do: its methods and schedulers, with their words. */
export const useCatalog = defineStore('catalog', () => {
  const session = useSession()
  const project = useProject()
  const notices = useNotices()
  const catalog = shallowRef<Catalog | null>(null)

  session.onSnapshot(async () => {
    catalog.value ??= (await notices.attempt(() => session.invoke('app.catalog', {}))) ?? null
  })

  const methods = computed(() => catalog.value?.methods ?? [])
  const schedulers = computed(() => catalog.value?.schedulers ?? [])
  /** The project's method. */
  const method = computed(() => methods.value.find(({ name }) => name === project.project.method.name))
  return { methods, schedulers, method }
})
