import { defineStore } from 'pinia'
import { ref, watch } from 'vue'
import type { IconName } from '../shared/controls/icons'

export const STEPS = [
  { name: 'models', title: 'Models', icon: 'models' },
  { name: 'inspect', title: 'Inspect', icon: 'inspect' },
  { name: 'tune', title: 'Tune', icon: 'tune' },
  { name: 'preview', title: 'Preview', icon: 'preview' },
  { name: 'evaluate', title: 'Evaluate', icon: 'evaluate' },
  { name: 'export', title: 'Export', icon: 'export' },
] as const satisfies readonly { name: string; title: string; icon: IconName }[]

export type StepName = (typeof STEPS)[number]['name']
/** The steps of the journey, and settings. */
export type ViewName = StepName | 'settings'

const NAMES: readonly string[] = [...STEPS.map(({ name }) => name), 'settings']

function viewOfAddress(): ViewName {
  const name = location.hash.slice(1)
  return NAMES.includes(name) ? (name as ViewName) : 'models'
}

/** The open view. The address keeps it over a reload. */
export const useUi = defineStore('ui', () => {
  const view = ref<ViewName>(viewOfAddress())
  const cheatSheet = ref(false)
  const jobsOpen = ref(false)

  addEventListener('hashchange', () => (view.value = viewOfAddress()))
  watch(view, (name) => {
    if (location.hash.slice(1) !== name) location.hash = name
  })

  return { view, cheatSheet, jobsOpen }
})
