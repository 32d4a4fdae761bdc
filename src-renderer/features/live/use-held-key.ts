import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue'
import { takesText } from '../../shell/shortcuts'

/** Whether a key without Ctrl or Alt is held down outside texts. */
export function useHeldKey(key: string): Ref<boolean> {
  const held = ref(false)
  const down = (event: KeyboardEvent): void => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey
    if (plain && event.key.toLowerCase() === key && !takesText(event.target)) held.value = true
  }
  const up = (event: KeyboardEvent): void => {
    if (event.key.toLowerCase() === key) held.value = false
  }
  const release = (): void => void (held.value = false)
  const events = { keydown: down, keyup: up, blur: release } as const
  onMounted(() => {
    for (const [name, listener] of Object.entries(events)) addEventListener(name, listener as EventListener)
  })
  onBeforeUnmount(() => {
    for (const [name, listener] of Object.entries(events)) removeEventListener(name, listener as EventListener)
  })
  return held
}
