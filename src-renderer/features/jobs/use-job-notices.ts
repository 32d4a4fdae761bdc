import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue'
import { isLongJob, jobEndWords } from '../../../src-main/contract/job-end'
import { useSession } from '../../bridge/session-store'
import { useSettings } from '../settings/settings-store'

/**
 * Tells the end of long jobs while nobody looks at the window: counted here, for the window's title; in a browser that
 * was allowed to by its own notification, on the desktop by the program's (desktop/job-notices.ts).
 */
export function useJobNotices(): Ref<number> {
  const session = useSession()
  const settings = useSettings()
  const unseen = ref(0)

  session.onEvent((event) => {
    if (event.type !== 'job' || !isLongJob(event.job) || document.hasFocus()) return
    if (settings.settings?.notifications === false) return
    unseen.value++
    const silent = settings.settings?.sound !== true
    if (session.host === 'desktop' || !mayNotify()) return
    const { title, body } = jobEndWords(event.job)
    const notification = new Notification(title, { body, silent, tag: event.job.id })
    notification.onclick = () => window.focus()
  })

  const see = (): void => void (unseen.value = 0)
  onMounted(() => addEventListener('focus', see))
  onBeforeUnmount(() => removeEventListener('focus', see))
  return unseen
}

/** Whether the person has allowed this page to notify them. */
export function mayNotify(): boolean {
  return 'Notification' in window && Notification.permission === 'granted'
}
