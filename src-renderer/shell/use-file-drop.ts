import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue'
import { FusionError } from '../../src-main/contract/errors'
import { useSession } from '../bridge/session-store'
import { useModels } from '../features/models/models-store'
import { usePreview } from '../features/preview/preview-store'
import { useFileCommands } from '../features/project/file-commands'
import { useNotices } from '../shared/notices/notices-store'
import { useUi } from './ui-store'

/** Files dropped anywhere: pictures restore their settings, projects open, everything else is a model. */
export function useFileDrop(): Ref<boolean> {
  const session = useSession()
  const models = useModels()
  const preview = usePreview()
  const files = useFileCommands()
  const notices = useNotices()
  const ui = useUi()
  const over = ref(false)

  function hover(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    over.value = true
  }

  function leave(event: DragEvent): void {
    if (event.relatedTarget === null) over.value = false
  }

  function drop(event: DragEvent): void {
    if (!event.dataTransfer?.files.length) return
    event.preventDefault()
    over.value = false
    void take([...event.dataTransfer.files])
  }

  async function take(dropped: File[]): Promise<void> {
    const picture = dropped.find(({ name }) => /\.png$/i.test(name))
    if (picture) {
      ui.view = 'preview'
      return preview.adoptPng(picture)
    }
    const paths = dropped.map((file) => session.pathOf(file)).filter((path) => path !== null)
    if (paths.length === 0) {
      return notices.report(
        new FusionError('unsupported', 'A browser does not reveal the path of dropped files.', {
          hint: 'Choose them with Add models instead; they are read from disk, not uploaded.',
        }),
      )
    }
    const project = paths.find((path) => path.endsWith('.fusion.json'))
    if (project !== undefined) return files.open(project)
    ui.view = 'models'
    models.add(paths)
  }

  const events = { dragover: hover, dragleave: leave, drop } as const
  onMounted(() => {
    for (const [name, listener] of Object.entries(events)) addEventListener(name, listener as EventListener)
  })
  onBeforeUnmount(() => {
    for (const [name, listener] of Object.entries(events)) removeEventListener(name, listener as EventListener)
  })
  return over
}
