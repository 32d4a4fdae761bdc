import { useSession } from '../../bridge/session-store'
import { fileName } from '../../shared/format'
import { useNotices } from '../../shared/notices/notices-store'
import { useFileDialog } from './file-dialog-store'

/**
 * Shows a file in its folder: in the system's file manager on the desktop; in a browser, which has none of the computer
 * that serves the program, in the program's own dialog.
 */
export function useShowFile(): (path: string) => void {
  const session = useSession()
  const files = useFileDialog()
  const notices = useNotices()
  return (path) => {
    if (session.host === 'serve') files.show(path)
    else void notices.attempt(() => session.invoke('files.showInFolder', { path }))
  }
}

/** Says that a file was saved, and offers to show it. */
export function useSaySaved(): (path: string) => void {
  const notices = useNotices()
  const show = useShowFile()
  return (path) => notices.say(`${fileName(path)} is saved.`, { label: 'Show in folder', run: () => show(path) })
}

/** Says so of what the page itself has saved, where the program knows the place. */
export function useSavedNotices(): void {
  const saySaved = useSaySaved()
  useSession().onEvent((event) => {
    if (event.type === 'saved') saySaved(event.path)
  })
}
