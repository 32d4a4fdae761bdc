import { computed, type ComputedRef } from 'vue'
import type { ModelEntry } from '../../../src-main/contract/document/project'
import type { MenuItem } from '../../shared/controls/AppMenu.vue'
import { useProject } from '../project/project-store'
import { useModels } from './models-store'

/** What can be done with a model on its card: by the menu, and by keys. */
export function useModelActions(
  model: () => ModelEntry,
  index: () => number,
  startRename: () => void,
): { items: ComputedRef<MenuItem[]>; key: (event: KeyboardEvent) => void } {
  const project = useProject()
  const models = useModels()
  const isLast = (): boolean => index() >= project.models.length - 1

  function move(to: number): void {
    project.moveModel(model().name, to)
  }

  function remove(): void {
    models.remove([model().name])
  }

  const items = computed<MenuItem[]>(() => [
    { label: 'Rename', icon: 'tune', keys: 'F2', run: startRename },
    ...(index() === 0
      ? []
      : ([
          { label: 'Make this the base', icon: 'star', run: () => move(0) },
          {
            label: model().enabled ? 'Drop from the merge' : 'Add back',
            icon: 'check',
            run: () => models.setTakesPart(model(), !model().enabled),
          },
          { label: 'Move up', icon: 'up', keys: 'Alt ↑', disabled: index() < 2, run: () => move(index() - 1) },
          { label: 'Move down', icon: 'down', keys: 'Alt ↓', disabled: isLast(), run: () => move(index() + 1) },
        ] satisfies MenuItem[])),
    { label: 'Locate its file', icon: 'folder', run: () => void models.locate(model()) },
    ...(models.summaryOf(model().path)?.recipe
      ? [
          {
            label: 'Open the project that made it',
            icon: 'undo' as const,
            run: () => void models.restore(model().path),
          },
        ]
      : []),
    { label: 'Remove', icon: 'trash', keys: 'Del', danger: true, separated: true, run: remove },
  ])

  function key(event: KeyboardEvent): void {
    const keys: Record<string, (() => void) | undefined> = {
      F2: startRename,
      Delete: remove,
      ArrowUp: event.altKey && index() > 1 ? () => move(index() - 1) : undefined,
      ArrowDown: event.altKey && index() > 0 && !isLast() ? () => move(index() + 1) : undefined,
    }
    const action = keys[event.key]
    if (!action) return
    event.preventDefault()
    action()
  }

  return { items, key }
}
