/** Colours that the tokens define for specialists; from the 13th on they come round again, with other shapes. */
export const SPECIALIST_COLOURS = 12

/** CSS colour of a model by its place in the project: 0 is the base. */
export function modelColour(index: number): string {
  return index === 0 ? 'var(--specialist-base)' : `var(--specialist-${(index - 1) % SPECIALIST_COLOURS})`
}

const SHAPES = [
  'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2Z',
  'M3 3h10v10H3Z',
  'M8 2l6.5 11.5h-13Z',
  'M8 1l7 7-7 7-7-7Z',
  'M6 2h4v4h4v4h-4v4H6v-4H2V6h4Z',
  'M8 14.5 1.5 3h13Z',
  'M8 1.5 14.2 6l-2.4 7.3H4.2L1.8 6Z',
  'M2 6h12v4H2Z',
  'M4.5 1.5 8 5l3.5-3.5 3 3L11 8l3.5 3.5-3 3L8 11l-3.5 3.5-3-3L5 8 1.5 4.5Z',
  'M5 1.5h6l3.5 6.5L11 14.5H5L1.5 8Z',
  'M6 2h4v12H6Z',
] as const

const BASE_SHAPE = 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13Zm0 3a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7Z'

/** Path (16 × 16) of a model's mark; as 11 shapes and 12 colours repeat at different places, no two of 132 are equal. */
export function modelShape(index: number): string {
  return index === 0 ? BASE_SHAPE : SHAPES[(index - 1) % SHAPES.length]!
}
