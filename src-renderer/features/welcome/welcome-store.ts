import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import type { Snapshot } from '../../../src-main/contract/state'
import { useSession } from '../../bridge/session-store'
import { useProject } from '../project/project-store'
import { useSettings } from '../settings/settings-store'
import { FIRST_START } from './notes'

/** What the program shows once: the demo at its first start, a note in every step. */
export const useWelcome = defineStore('welcome', () => {
  const session = useSession()
  const project = useProject()
  const settings = useSettings()
  /** While the demo is opened, so that nothing else is shown before it. */
  const opening = ref(false)
  const seen = computed(() => settings.settings?.seen ?? [])

  session.onSnapshot((snapshot) => {
    if (snapshot.settings.seen.includes(FIRST_START)) return
    if (isUntouched(snapshot)) void openDemo()
    else void dismiss(FIRST_START)
  })

  async function openDemo(): Promise<void> {
    if (opening.value) return
    opening.value = true
    try {
      await project.run(() => session.invoke('project.demo', {}))
    } finally {
      opening.value = false
    }
    await dismiss(FIRST_START)
  }

  async function dismiss(name: string): Promise<void> {
    if (!seen.value.includes(name)) await settings.set({ seen: [...seen.value, name] })
  }

  return { opening, seen, dismiss }
})

/** Nobody has worked with it: there is nothing that the demo would take the place of. */
function isUntouched({ project, recent }: Snapshot): boolean {
  return project.project.models.length === 0 && project.path === null && project.undo === null && recent.length === 0
}
