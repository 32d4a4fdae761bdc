import { beforeEach, expect, it, vi } from 'vitest'
import { EventHub } from '../../../src-main/app/event-hub'
import { JobQueue } from '../../../src-main/app/jobs/job-queue'
import type { Job } from '../../../src-main/contract/jobs'
import { settingsSchema } from '../../../src-main/contract/state'

const electron = vi.hoisted(() => ({ shown: [] as object[], badge: 0 }))
vi.mock('electron', () => ({
  app: { setBadgeCount: (count: number) => (electron.badge = count) },
  Notification: class {
    static isSupported = (): boolean => true
    constructor(private readonly options: object) {}
    on(): void {}
    show(): void {
      electron.shown.push(this.options)
    }
  },
}))
const { followJobs } = await import('../../../src-main/desktop/job-notices')

const events = new EventHub()
const queue = new JobQueue(events.emit)
let settings = settingsSchema.parse({})
let focused = false
const on = new Map<string, () => void>()
const bar: number[] = []
const window = {
  isDestroyed: () => false,
  isFocused: () => focused,
  setProgressBar: (progress: number) => bar.push(progress),
  on: (name: string, listener: () => void) => on.set(name, listener),
}
followJobs(
  {
    events,
    queue,
    settings: {
      get value() {
        return settings
      },
    },
  } as never,
  window as never,
)

beforeEach(() => {
  electron.shown = []
  settings = settingsSchema.parse({})
  focused = false
  on.get('focus')!()
})

const ended = (seconds: number, change: Partial<Job> = {}): void =>
  events.emit({
    type: 'job',
    job: {
      ...{ id: '1', kind: 'export', title: 'Export to a', state: 'done', progress: 1, phase: null, eta: null },
      ...{ createdAt: 0, startedAt: 0, endedAt: seconds * 1000, error: null, about: null, of: null, result: null },
      ...change,
    },
  })

it('tells the end of a long job while nobody looks, without a sound, and counts it until somebody does', () => {
  ended(60)
  ended(60, { state: 'failed', error: { kind: 'target', message: 'Disk full.' } })
  expect(electron.shown).toEqual([
    { title: 'Done', body: 'Export to a', silent: true },
    { title: 'Failed', body: 'Export to a: Disk full.', silent: true },
  ])
  expect(electron.badge).toBe(2)
  on.get('focus')!()
  expect(electron.badge).toBe(0)
})

it('is silent of short ones, cancelled ones, live pictures, in a window in use, and where it shall be', () => {
  ended(2)
  ended(60, { state: 'cancelled' })
  ended(60, { kind: 'live' })
  focused = true
  ended(60)
  focused = false
  settings = { ...settings, notifications: false }
  ended(60)
  expect(electron.shown).toEqual([])
  expect(electron.badge).toBe(0)
  settings = { ...settings, notifications: true, sound: true }
  ended(60)
  expect(electron.shown).toMatchObject([{ silent: false }])
})

it('shows the progress of what runs, and nothing afterwards', async () => {
  bar.length = 0
  let finish = (): void => {}
  queue.add({
    kind: 'hash',
    title: 'Hash',
    run: ({ report }) => {
      report('hashing', 0.5)
      return new Promise((resolve) => (finish = () => resolve({ kind: 'hash', files: [] })))
    },
  })
  await vi.waitFor(() => expect(bar).toContain(0.5))
  finish()
  await vi.waitFor(() => expect(bar.at(-1)).toBe(-1))
})
