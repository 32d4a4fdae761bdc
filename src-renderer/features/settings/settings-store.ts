import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { CommandInput } from '../../../src-main/contract/protocol/commands'
import type { Settings } from '../../../src-main/contract/state'
import { useSession } from '../../bridge/session-store'
import type { Theme } from '../../../src-main/contract/values/colour-scales'
import { useNotices } from '../../shared/notices/notices-store'

/** Settings of the program, kept by the host; the theme in force follows the system where they say so. */
export const useSettings = defineStore('settings', () => {
  const session = useSession()
  const notices = useNotices()
  const settings = shallowRef<Settings | null>(null)
  const light = matchMedia('(prefers-color-scheme: light)')
  const systemIsLight = ref(light.matches)
  light.addEventListener('change', () => (systemIsLight.value = light.matches))

  session.onSnapshot((snapshot) => (settings.value = snapshot.settings))
  session.onEvent((event) => {
    if (event.type === 'settings') settings.value = event.settings
  })

  const theme = computed<Theme>(() => {
    const wanted = settings.value?.theme ?? 'dark'
    return wanted === 'system' ? (systemIsLight.value ? 'light' : 'dark') : wanted
  })

  async function set(change: CommandInput<'settings.set'>): Promise<void> {
    const next = await notices.attempt(() => session.invoke('settings.set', change))
    if (next) settings.value = next
  }

  return { settings, theme, set }
})
