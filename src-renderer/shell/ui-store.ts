import { defineStore } from 'pinia'
import { ref, watch } from 'vue'
import { OTHER_VIEWS, STEPS, type ViewName } from './steps'

const NAMES: readonly string[] = [...STEPS.map(({ name }) => name), ...OTHER_VIEWS]

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
