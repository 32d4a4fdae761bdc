import { ref, watch } from 'vue'

export type PictureSize = 'small' | 'medium' | 'large'

export const SIZES: readonly { value: PictureSize; label: string }[] = [
  { value: 'small', label: 'S' },
  { value: 'medium', label: 'M' },
  { value: 'large', label: 'L' },
]
/** Pixels of the window. */
export const EDGES: Readonly<Record<PictureSize, number>> = { small: 96, medium: 160, large: 256 }
const KEY = 'picture-size'

/** How large pictures are shown; the browser keeps it. */
export const pictureSize = ref<PictureSize>(kept())
watch(pictureSize, (size) => localStorage.setItem(KEY, size))

function kept(): PictureSize {
  const found = localStorage.getItem(KEY)
  return SIZES.find(({ value }) => value === found)?.value ?? 'medium'
}
