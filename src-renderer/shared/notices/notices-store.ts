import { defineStore } from 'pinia'
import { ref } from 'vue'
import { toErrorReport, type ErrorReport } from '../../../src-main/contract/errors'

/** What can be done about a notice. */
export interface NoticeAction {
  label: string
  run: () => unknown
}

export interface Notice {
  id: number
  words: string
  error: ErrorReport | null
  action: NoticeAction | null
  time: number
}

/** Time to read a notice, and to reach it. */
const LIFE_MS = { error: 20_000, words: 10_000 }
/** What has just been said is not about the view that is left. */
const FRESH_MS = 1000

/**
 * Messages that belong to no view. They go by themselves, so that they cover nothing for long: after a while, unless
 * somebody is looking at them, or with the view that they came from. Who listens keeps errors in the log.
 */
export const useNotices = defineStore('notices', () => {
  const notices = ref<Notice[]>([])
  const timers = new Map<number, ReturnType<typeof setTimeout>>()
  const listeners: ((error: ErrorReport) => void)[] = []
  let next = 1

  function put(words: string, error: ErrorReport | null, action: NoticeAction | null): void {
    const notice = { id: next++, words, error, action, time: Date.now() }
    notices.value = [...notices.value, notice]
    release(notice.id)
  }

  function say(words: string, action: NoticeAction | null = null): void {
    for (const { id, error } of notices.value) if (!error) dismiss(id)
    put(words, null, action)
  }

  function report(error: unknown): void {
    const described = toErrorReport(error)
    const same = notices.value.find((notice) => notice.error?.message === described.message)
    if (same) return release(same.id)
    put(described.message, described, null)
    for (const listener of listeners) listener(described)
  }

  function dismiss(id: number): void {
    hold(id)
    notices.value = notices.value.filter((notice) => notice.id !== id)
  }

  /** Keeps a notice that somebody points at or has in focus. */
  function hold(id: number): void {
    clearTimeout(timers.get(id))
    timers.delete(id)
  }

  /** Lets it go after its time. */
  function release(id: number): void {
    const notice = notices.value.find((one) => one.id === id)
    if (!notice) return
    hold(id)
    timers.set(
      id,
      setTimeout(() => dismiss(id), notice.error ? LIFE_MS.error : LIFE_MS.words),
    )
  }

  /** Another view is shown: what was said in the one before goes with it. */
  function leaveView(): void {
    const fresh = Date.now() - FRESH_MS
    for (const { id, time } of notices.value) if (time < fresh) dismiss(id)
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

  const onReport = (listener: (error: ErrorReport) => void): void => void listeners.push(listener)

  return { notices, say, report, dismiss, hold, release, leaveView, attempt, onReport }
})
