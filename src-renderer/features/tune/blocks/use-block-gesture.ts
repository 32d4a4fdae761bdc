import type { ModelEntry } from '../../../../src-main/contract/document/project'
import { useProject } from '../../project/project-store'
import { useGesture } from '../use-gesture'

/** Changes of models' weights by block, from press to release, as one step of undo. */
export function useBlockGesture(): {
  change: (name: string, changed: (model: ModelEntry) => ModelEntry) => void
  end: () => void
} {
  const project = useProject()
  const gesture = useGesture()
  /** An edit takes the place of the one before that is not sent yet, so it has all models of the gesture. */
  const touched = new Map<string, ModelEntry>()

  function change(name: string, changed: (model: ModelEntry) => ModelEntry): void {
    const model = project.models.find((one) => one.name === name)
    if (!model) return
    touched.set(name, changed(model))
    const edits = [...touched].map(([one, next]) => ({ type: 'set-model' as const, name: one, model: next }))
    project.edit('Weights by block', edits, gesture.key('blocks'))
  }

  function end(): void {
    touched.clear()
    gesture.end()
  }

  return { change, end }
}
