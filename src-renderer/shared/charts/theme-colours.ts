import { inject, type InjectionKey, type Ref } from 'vue'
import type { Theme } from '../../../src-main/contract/values/colour-scales'

/** The theme in force (dark or light), for what is drawn on a canvas. */
export const themeKey: InjectionKey<Readonly<Ref<Theme>>> = Symbol('theme')

export function useTheme(): Readonly<Ref<Theme>> {
  const theme = inject(themeKey)
  if (!theme) throw new Error('No theme is provided')
  return theme
}

/** The value of a design token now, for a canvas. `var(--x)` and `--x` are both understood. */
export function tokenColour(token: string): string {
  const name = token.replace(/^var\((.*)\)$/, '$1')
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

/** A stripe for cells whose value is not known. */
export function unknownPattern(context: CanvasRenderingContext2D): CanvasPattern | string {
  const stripe = document.createElement('canvas')
  stripe.width = stripe.height = 8
  const pen = stripe.getContext('2d')!
  pen.fillStyle = tokenColour('--unknown-a')
  pen.fillRect(0, 0, 8, 8)
  pen.strokeStyle = tokenColour('--unknown-b')
  pen.lineWidth = 2.8
  for (const shift of [-8, 0, 8]) {
    pen.beginPath()
    pen.moveTo(shift, 8)
    pen.lineTo(shift + 8, 0)
    pen.stroke()
  }
  return context.createPattern(stripe, 'repeat') ?? tokenColour('--unknown-a')
}
