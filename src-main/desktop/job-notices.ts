import { app, Notification, type BrowserWindow } from 'electron'
import type { Studio } from '../app/studio'
import { isLongJob, jobEndWords } from '../contract/job-end'

/** Without a bar. */
const NO_PROGRESS = -1

/**
 * Shows the progress of jobs on the task bar or dock, and tells the end of long ones while nobody looks at the window:
 * by a notification, which brings the window back, and a badge with their number.
 */
export function followJobs(
  { events, queue, settings }: Pick<Studio, 'events' | 'queue' | 'settings'>,
  window: BrowserWindow,
): void {
  let unseen = 0
  const badge = (count: number): void => {
    unseen = count
    app.setBadgeCount(count)
  }
  const end = events.listen(({ event }) => {
    if (event.type !== 'job' || window.isDestroyed()) return
    const running = queue.list().find(({ state, kind }) => state === 'running' && kind !== 'live')
    window.setProgressBar(running ? running.progress : NO_PROGRESS)
    if (!isLongJob(event.job) || window.isFocused() || !settings.value.notifications) return
    badge(unseen + 1)
    if (!Notification.isSupported()) return
    const notification = new Notification({ ...jobEndWords(event.job), silent: !settings.value.sound })
    notification.on('click', () => {
      window.show()
      window.focus()
    })
    notification.show()
  })
  window.on('focus', () => badge(0))
  window.on('closed', end)
}
