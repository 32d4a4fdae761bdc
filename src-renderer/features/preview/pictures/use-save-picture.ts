import { useSession } from '../../../bridge/session-store'
import { useNotices } from '../../../shared/notices/notices-store'
import { useFileDialog } from '../../files/file-dialog-store'
import { useSaySaved } from '../../files/use-show-file'

/** Saves a picture of the host under a name that is suggested: a download in a browser, a file on the desktop. */
export function useSavePicture(): (picture: { id: string; url: string }, name: string) => Promise<void> {
  const session = useSession()
  const files = useFileDialog()
  const notices = useNotices()
  const saySaved = useSaySaved()
  return async ({ id, url }, name) => {
    if (session.host === 'serve') {
      const link = document.createElement('a')
      link.href = url
      link.download = name
      return link.click()
    }
    const target = await files.chooseTarget('save-picture', name)
    if (!target) return
    await notices.attempt(async () => {
      await session.invoke('preview.saveAs', { id, ...target })
      saySaved(target.path)
    })
  }
}
