import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { ModelCard } from '../../../src-main/contract/model-cards'
import { useSession } from '../../bridge/session-store'
import { keepEqual } from '../../shared/keep-equal'

/** What the cards of the project's models show: pictures come as they are drawn. */
export const useCards = defineStore('cards', () => {
  const session = useSession()
  const cards = shallowRef<readonly ModelCard[]>([])
  const byPath = computed(() => new Map(cards.value.map((card) => [card.path, card])))

  session.onSnapshot(() => void load())
  session.onEvent((event) => {
    if (event.type === 'model-cards') cards.value = keepEqual(cards.value, event.cards)
  })

  /** A host that does not answer is asked again with its next snapshot. */
  async function load(): Promise<void> {
    const answer = await session.invoke('models.cards', {}).catch(() => null)
    if (answer) cards.value = keepEqual(cards.value, answer.cards)
  }

  /** Undefined: nothing is known yet. */
  function cardOf(path: string): ModelCard | undefined {
    return byPath.value.get(path)
  }

  /** What models are shown drawing, each prompt once and in quotes; empty where they have no such pictures. */
  function promptsOf(paths: readonly string[]): string[] {
    const shown = paths.flatMap((path) => {
      const picture = cardOf(path)?.picture
      return picture && 'prompt' in picture ? [`“${picture.prompt}”`] : []
    })
    return [...new Set(shown)]
  }

  return { cardOf, promptsOf }
})
