import { useSession } from '../../bridge/session-store'
import { useFileDialog } from '../files/file-dialog-store'
import { useProject } from './project-store'

/** New, open, save and save as, the same for menus, keys and dropped files. */
export function useFileCommands(): {
  open: (path?: string) => Promise<void>
  save: () => Promise<void>
  saveAs: () => Promise<void>
} {
  const session = useSession()
  const project = useProject()
  const files = useFileDialog()

  async function open(path?: string): Promise<void> {
    const chosen = path ?? (await files.choose('open-project'))[0]
    if (chosen === undefined) return
    await project.replaceBy(() => session.invoke('project.open', { path: chosen }))
    await session.refreshRecent()
  }

  async function save(): Promise<void> {
    if (!project.state?.path) return saveAs()
    await project.run(() => session.invoke('project.save', {}))
  }

  async function saveAs(): Promise<void> {
    const title = project.state?.title ?? 'Untitled'
    const target = await files.chooseTarget('save-project', `${title}.fusion.json`)
    if (!target) return
    await project.run(() => session.invoke('project.save', target))
    await session.refreshRecent()
  }

  return { open, save, saveAs }
}
