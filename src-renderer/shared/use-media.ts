import { onBeforeUnmount, ref, type Ref } from 'vue'

/** Windows in which an inspector beside the view would leave no room for it: small ones, and those zoomed in. */
export const NARROW = '(max-width: 860px)'
/** Windows in which a dozen columns have room for names. */
export const WIDE = '(min-width: 1600px)'

/** Whether a media query fits, as long as the component lives. */
export function useMedia(query: string): Ref<boolean> {
  const media = matchMedia(query)
  const fits = ref(media.matches)
  const change = (): void => void (fits.value = media.matches)
  media.addEventListener('change', change)
  onBeforeUnmount(() => media.removeEventListener('change', change))
  return fits
}
