import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { FusionError } from '../../../src-main/contract/errors'
import { useNotices } from '../../../src-renderer/shared/notices/notices-store'

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
})
afterEach(() => vi.useRealTimers())

const words = () => useNotices().notices.map((notice) => notice.words)

it('lets notices go by themselves, errors later, and none that somebody looks at', () => {
  const store = useNotices()
  store.say('Done.')
  store.report(new FusionError('target', 'Disk full.'))
  vi.advanceTimersByTime(10_000)
  expect(words()).toEqual(['Disk full.'])
  const { id } = store.notices[0]!
  store.hold(id)
  vi.advanceTimersByTime(60_000)
  expect(words()).toEqual(['Disk full.'])
  store.release(id)
  vi.advanceTimersByTime(20_000)
  expect(words()).toEqual([])
})

it('takes along what was said in a view, but not what has only just been said; an error is told once', () => {
  const store = useNotices()
  const told: string[] = []
  store.onReport(({ message }) => told.push(message))
  store.report(new FusionError('target', 'Disk full.'))
  store.report(new FusionError('target', 'Disk full.'))
  vi.advanceTimersByTime(2_000)
  store.say('Opened.')
  store.leaveView()
  expect(words()).toEqual(['Opened.'])
  expect(told).toEqual(['Disk full.'])
})
