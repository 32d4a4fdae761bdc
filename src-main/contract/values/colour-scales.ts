/** 256 colours, for pixels and for CSS. */
export interface Ramp {
  /** 256 × 4 bytes, RGBA. */
  readonly bytes: Uint8ClampedArray
  readonly css: readonly string[]
}

/** A colour scale: 256 colours, and the place of a value among them. */
export interface ColourScale {
  readonly kind: 'diverging' | 'sequential'
  readonly low: number
  readonly high: number
  readonly ramp: Ramp
  /** Place of a value in the scale, 0 … 1, clamped. */
  position(value: number): number
}

export type Theme = 'dark' | 'light'
type Rgb = readonly [number, number, number]

// Blue to orange through the surface's own lightness: told apart with every kind of colour blindness.
const DIVERGING: Record<Theme, readonly Rgb[]> = {
  dark: [
    [143, 208, 255],
    [64, 150, 222],
    [30, 92, 150],
    [28, 32, 38],
    [140, 74, 20],
    [222, 128, 38],
    [255, 208, 138],
  ],
  light: [
    [8, 48, 107],
    [33, 113, 181],
    [140, 190, 226],
    [247, 247, 245],
    [250, 190, 120],
    [217, 95, 2],
    [117, 45, 4],
  ],
}

// One hue, so that lightness alone carries the order, from the surface to its opposite.
const SEQUENTIAL: Record<Theme, readonly Rgb[]> = {
  dark: [
    [34, 33, 44],
    [74, 58, 128],
    [128, 104, 198],
    [186, 170, 238],
    [244, 240, 255],
  ],
  light: [
    [246, 245, 250],
    [203, 199, 230],
    [150, 137, 200],
    [98, 72, 158],
    [48, 8, 96],
  ],
}

function ramp(stops: readonly Rgb[]): Ramp {
  const bytes = new Uint8ClampedArray(256 * 4)
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1)
    const index = Math.min(stops.length - 2, Math.floor(place))
    const from = stops[index]!
    const to = stops[index + 1]!
    for (let c = 0; c < 3; c++) bytes[i * 4 + c] = from[c]! + (to[c]! - from[c]!) * (place - index)
    bytes[i * 4 + 3] = 255
  }
  const css = Array.from({ length: 256 }, (_, i) => `rgb(${bytes.subarray(i * 4, i * 4 + 3).join(' ')})`)
  return { bytes, css }
}

const ramps = {
  diverging: { dark: ramp(DIVERGING.dark), light: ramp(DIVERGING.light) },
  sequential: { dark: ramp(SEQUENTIAL.dark), light: ramp(SEQUENTIAL.light) },
}

/** A scale around 0 that is the same for every picture: correlations are always −1 … 1. */
export function divergingScale(theme: Theme, limit = 1): ColourScale {
  const position = (value: number): number => Math.min(1, Math.max(0, (value / limit + 1) / 2))
  return { kind: 'diverging', low: -limit, high: limit, ramp: ramps.diverging[theme], position }
}

/** A scale of magnitudes from `low` to `high`, linear or by orders of magnitude (then low > 0). */
export function sequentialScale(theme: Theme, low: number, high: number, logarithmic = false): ColourScale {
  const to = logarithmic
    ? (value: number): number => Math.log10(Math.max(value, low))
    : (value: number): number => value
  const from = to(low)
  const span = to(high) - from || 1
  const position = (value: number): number => Math.min(1, Math.max(0, (to(value) - from) / span))
  return { kind: 'sequential', low, high, ramp: ramps.sequential[theme], position }
}

/** CSS colour of a value. */
export function colourOf(scale: ColourScale, value: number): string {
  return scale.ramp.css[Math.round(scale.position(value) * 255)]!
}

/** The ink that can be read on the colour of a value: black or white, of which one always has a contrast of 4.5 (WCAG AA). */
export function inkOn(scale: ColourScale, value: number): string {
  const at = Math.round(scale.position(value) * 255) * 4
  const [red, green, blue] = [...scale.ramp.bytes.subarray(at, at + 3)].map(linear)
  const light = 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
  return (light + 0.05) / 0.05 > 1.05 / (light + 0.05) ? '#000000' : '#ffffff'
}

/** An sRGB byte as light. */
function linear(byte: number): number {
  const share = byte / 255
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
}
