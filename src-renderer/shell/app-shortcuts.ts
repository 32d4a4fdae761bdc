import { useFileCommands } from '../features/project/file-commands'
import { usePreview } from '../features/preview/preview-store'
import { useProject } from '../features/project/project-store'
import type { Shortcut } from './shortcuts'
import { STEPS } from './steps'
import { useUi } from './ui-store'

/** Every shortcut of the program: one list for the keys and for the sheet that shows them. */
export function useAppShortcuts(): Shortcut[] {
  const ui = useUi()
  const project = useProject()
  const preview = usePreview()
  const files = useFileCommands()

  /** What is being typed counts first: leaving a field commits it. */
  function commitTyping(): void {
    if (document.activeElement instanceof HTMLElement && document.activeElement.matches('input, textarea')) {
      document.activeElement.blur()
    }
  }

  return [
    { keys: 'Ctrl Z', words: 'Undo', run: () => void project.undo() },
    { keys: 'Ctrl Shift Z', also: ['Ctrl Y'], words: 'Redo', run: () => void project.redo() },
    {
      keys: 'Ctrl Enter',
      words: 'Draw previews',
      whileTyping: true,
      run() {
        commitTyping()
        ui.view = 'preview'
        void preview.start()
      },
    },
    {
      keys: 'Ctrl S',
      words: 'Save the project',
      whileTyping: true,
      run() {
        commitTyping()
        void files.save()
      },
    },
    { keys: 'Ctrl Shift S', words: 'Save the project as', whileTyping: true, run: () => void files.saveAs() },
    { keys: 'Ctrl O', words: 'Open a project', whileTyping: true, run: () => void files.open() },
    { keys: 'Ctrl Alt N', words: 'New project', run: () => void project.startNew() },
    ...STEPS.map((step, index) => ({
      keys: `Alt ${index + 1}`,
      words: step.title,
      whileTyping: true,
      run: () => void (ui.view = step.name),
    })),
    { keys: 'Ctrl Shift H', words: 'History', whileTyping: true, run: () => void (ui.view = 'history') },
    { keys: 'Ctrl ,', words: 'Settings', run: () => void (ui.view = 'settings') },
    { keys: 'Ctrl J', words: 'Show or hide the jobs', run: () => void (ui.jobsOpen = !ui.jobsOpen) },
    { keys: 'Escape', words: 'Close the jobs', run: () => void (ui.jobsOpen = false), isOn: () => ui.jobsOpen },
    { keys: '?', words: 'Keys and words', run: () => void (ui.cheatSheet = true) },
  ]
}
