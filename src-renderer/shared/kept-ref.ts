import { ref, watch, type Ref } from 'vue'

/**
 * A word that the browser keeps for this page.
 * @param first while nothing is kept, or what is kept is none of those that there are (any more)
 * @param known absent: any word
 * @param storage `sessionStorage`: over a reload only
 */
export function keptRef<Word extends string>(
  key: string,
  first: Word,
  known?: readonly Word[],
  storage: Storage = localStorage,
): Ref<Word> {
  const found = storage.getItem(key)
  const isKnown = found !== null && (known === undefined || known.includes(found as Word))
  const word = ref(isKnown ? (found as Word) : first) as Ref<Word>
  watch(word, (now) => storage.setItem(key, now), { flush: 'sync' })
  return word
}
