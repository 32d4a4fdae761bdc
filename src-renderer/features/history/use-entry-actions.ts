import type { HistoryEntry, MergeEntry } from '../../../src-main/contract/history'
import { fileName, listOf } from '../../shared/format'
import { useNotices } from '../../shared/notices/notices-store'
import { useUi } from '../../shell/ui-store'
import { useExport } from '../export/export-store'
import { useFusion } from '../export/fusion-store'
import { usePreview } from '../preview/preview-store'
import { useProject } from '../project/project-store'
import { useHistory } from './history-store'
import { entryName } from './history-words'
import { droppedNames, editsOfEntry } from './use-entry'

/** What can be done with an entry of the history. */
export function useEntryActions(): {
  use: (entry: HistoryEntry) => Promise<void>
  exportAgain: (entry: MergeEntry) => Promise<void>
  drawAgain: (entry: HistoryEntry) => Promise<void>
} {
  const project = useProject()
  const notices = useNotices()
  const exports = useExport()
  const fusion = useFusion()
  const preview = usePreview()
  const history = useHistory()
  const ui = useUi()

  /** The project as it was then, as one step of undo. */
  async function apply(entry: HistoryEntry): Promise<string> {
    const dropped = droppedNames(project.project, entry)
    project.edit(`Use the state of ${entryName(entry)}`.slice(0, 200), editsOfEntry(project.project, entry))
    await project.settled()
    if (dropped.length === 0) return ''
    return ` ${listOf(dropped)} ${dropped.length === 1 ? 'was' : 'were'} not in it: dropped.`
  }

  async function use(entry: HistoryEntry): Promise<void> {
    const remark = await apply(entry)
    notices.say(`The state of ${entryName(entry)} is in use.${remark}`, { label: 'Undo', run: project.undo })
  }

  /** Opens Export with the recipe that it had, and its name. */
  async function exportAgain(entry: MergeEntry): Promise<void> {
    const remark = await apply(entry)
    if (entry.fusion) Object.assign(fusion.request, structuredClone(entry.fusion))
    exports.suggest(fileName(entry.path))
    ui.view = 'export'
    if (remark !== '') notices.say(remark.trim())
  }

  /** In Preview, where they can be seen coming. */
  async function drawAgain(entry: HistoryEntry): Promise<void> {
    if (!(await history.drawAgain(entry))) return
    preview.mode = entry.kind === 'grid' ? 'grid' : 'pictures'
    ui.view = 'preview'
  }

  return { use, exportAgain, drawAgain }
}
