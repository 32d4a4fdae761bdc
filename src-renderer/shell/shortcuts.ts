import { onBeforeUnmount, onMounted } from 'vue'

export interface Shortcut {
  /** As shown: 'Ctrl Shift Z'; the last word is KeyboardEvent.key. */
  keys: string
  words: string
  /** Other keys that do the same. */
  also?: string[]
  /** Also while a text is being typed. */
  whileTyping?: boolean
  /** Whether it does anything now: elsewhere its keys are left to others. */
  isOn?: () => boolean
  run: () => void
}

function matches(keys: string, event: KeyboardEvent): boolean {
  const parts = keys.split(' ')
  const key = parts.at(-1)!
  const modifiers = new Set(parts.slice(0, -1))
  const control = event.ctrlKey || event.metaKey
  // '?' needs Shift on most keyboards, so Shift is only looked at where the key is a letter or has a name.
  const shift = !/^[a-z0-9]$|^.{2,}$/i.test(key) || modifiers.has('Shift') === event.shiftKey
  return (
    event.key.toLowerCase() === key.toLowerCase() &&
    modifiers.has('Ctrl') === control &&
    modifiers.has('Alt') === event.altKey &&
    shift
  )
}

const TEXTS =
  'textarea, input:not([type]), input:is([type="text"], [type="search"], [type="number"], [type="password"])'

/** Whether keys write a text there; choices and switches take none. */
export function takesText(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches(TEXTS) || target.isContentEditable)
}

/** The field with a text that nobody has taken yet: until then keys such as Ctrl Z are about the text. */
let untaken: EventTarget | null = null

function typed({ target }: Event): void {
  if (takesText(target)) untaken = target
}

function taken(): void {
  untaken = null
}

/** Listens for shortcuts while the component lives; dialogs keep their keys. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  function press(event: KeyboardEvent): void {
    if (event.defaultPrevented || document.querySelector('[role="dialog"][data-state="open"]')) return
    const found = shortcuts.find(
      ({ keys, also, whileTyping, isOn = () => true }) =>
        isOn() && [keys, ...(also ?? [])].some((one) => matches(one, event)) && (whileTyping || !isTyping(event)),
    )
    if (!found) return
    event.preventDefault()
    found.run()
  }
  const events = { keydown: press, input: typed, change: taken, focusout: taken } as const
  onMounted(() => {
    for (const [name, listener] of Object.entries(events)) addEventListener(name, listener as EventListener)
  })
  onBeforeUnmount(() => {
    for (const [name, listener] of Object.entries(events)) removeEventListener(name, listener as EventListener)
  })
}

/** Whether a key belongs to the text that is being typed. */
function isTyping({ target, ctrlKey, metaKey }: KeyboardEvent): boolean {
  return ctrlKey || metaKey ? untaken === target : takesText(target)
}
