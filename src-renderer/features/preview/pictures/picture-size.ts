import { keptRef } from '../../../shared/kept-ref'

export type PictureSize = 'small' | 'medium' | 'large'

export const SIZES: readonly { value: PictureSize; label: string }[] = [
  { value: 'small', label: 'S' },
  { value: 'medium', label: 'M' },
  { value: 'large', label: 'L' },
]
/** Pixels of the window. */
export const EDGES: Readonly<Record<PictureSize, number>> = { small: 96, medium: 160, large: 256 }

/** How large pictures are shown. */
export const pictureSize = keptRef<PictureSize>(
  'picture-size',
  'medium',
  SIZES.map(({ value }) => value),
)
