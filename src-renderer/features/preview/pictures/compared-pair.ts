import { keptRef } from '../../../shared/kept-ref'

export const COMPARE_MODES = ['slider', 'flip', 'side', 'difference'] as const

/** How two pictures are compared. */
export const compareMode = keptRef('compare-mode', 'slider', COMPARE_MODES)
/** The picture whose comparison is open; empty: none is. */
export const openedPicture = keptRef<string>('opened-picture', '', undefined, sessionStorage)
/** The last pair that was compared: 'A/B'. */
const pair = keptRef<string>('compared-pair', '', undefined, sessionStorage)

/** Keeps with what a picture is compared. */
export function keepPair(a: string, b: string): void {
  pair.value = `${a}/${b}`
}

/** With what a picture was compared last; null where another one was opened since. */
export function keptPartner(a: string): string | null {
  const [first, second] = pair.value.split('/')
  return first === a && second !== undefined ? second : null
}
