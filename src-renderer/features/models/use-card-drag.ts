import { computed, shallowRef, type ComputedRef, type ShallowRef } from 'vue'
import { useProject } from '../project/project-store'

/** A side of a card. */
interface Place {
  index: number
  side: 'before' | 'after'
}

/** Where a card stands once it was taken from its place and put beside another one; the base, 0, stays first. */
export function placeAfterDrop(from: number, { index, side }: Place): number {
  const gap = Math.max(1, side === 'before' ? index : index + 1)
  return gap > from ? gap - 1 : gap
}

/**
 * Reorders specialists by dragging their cards: listeners for the list that holds them. Cards name their place in the
 * project by `data-index`.
 */
export function useCardDrag(): {
  /** Name of the model whose card is dragged. */
  dragged: ShallowRef<string | null>
  /** Where it would be put; null where it would stay. */
  mark: ComputedRef<Place | null>
  listeners: Record<'dragstart' | 'dragover' | 'dragleave' | 'drop' | 'dragend', (event: DragEvent) => void>
} {
  const project = useProject()
  const dragged = shallowRef<string | null>(null)
  const over = shallowRef<Place | null>(null)
  const from = computed(() => project.models.findIndex(({ name }) => name === dragged.value))
  const mark = computed(() =>
    from.value > 0 && over.value && placeAfterDrop(from.value, over.value) !== from.value ? over.value : null,
  )

  function placeOf(event: DragEvent): Place | null {
    const card = (event.target as Element).closest<HTMLElement>('[data-index]')
    if (!card) return null
    const index = Number(card.dataset['index'])
    const { left, width } = card.getBoundingClientRect()
    return { index, side: index > 0 && event.clientX < left + width / 2 ? 'before' : 'after' }
  }

  function end(): void {
    dragged.value = null
    over.value = null
  }

  const listeners = {
    dragstart(event: DragEvent) {
      const place = placeOf(event)
      dragged.value = (place && project.models[place.index]?.name) ?? null
      // A type of its own, so that no text field takes it.
      event.dataTransfer?.setData('application/x-featurefusion-model', '')
    },
    dragover(event: DragEvent) {
      if (dragged.value === null) return
      event.preventDefault()
      // Between two cards it is the side that was passed last.
      over.value = placeOf(event) ?? over.value
    },
    dragleave(event: DragEvent) {
      const list = event.currentTarget as Element
      if (!list.contains(event.relatedTarget as Node | null)) over.value = null
    },
    drop(event: DragEvent) {
      if (dragged.value === null) return
      event.preventDefault()
      if (mark.value) project.moveModel(dragged.value, placeAfterDrop(from.value, mark.value))
      end()
    },
    dragend: end,
  }
  return { dragged, mark, listeners }
}
