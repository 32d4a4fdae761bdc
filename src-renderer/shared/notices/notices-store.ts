import { defineStore } from 'pinia'
import { ref } from 'vue'
import { toErrorReport, type ErrorReport } from '../../../src-main/contract/errors'

export interface Notice {
  id: number
  words: string
  error: ErrorReport | null
}

/** Messages that belong to no view. Errors stay until they are dismissed; the rest goes with the next one. */
export const useNotices = defineStore('notices', () => {
  const notices = ref<Notice[]>([])
  let next = 1

  function say(words: string): void {
    notices.value = [...notices.value.filter(({ error }) => error), { id: next++, words, error: null }]
  }

  function report(error: unknown): void {
    const described = toErrorReport(error)
    const same = notices.value.some((notice) => notice.error?.message === described.message)
    if (!same) notices.value.push({ id: next++, words: described.message, error: described })
  }

  function dismiss(id: number): void {
    notices.value = notices.value.filter((notice) => notice.id !== id)
  }

  /** Runs an action and reports what it throws; undefined then. */
  async function attempt<T>(action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action()
    } catch (error) {
      report(error)
      return undefined
    }
  }

  return { notices, say, report, dismiss, attempt }
})
