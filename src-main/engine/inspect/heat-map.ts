import { encodePng } from '../image/png'
import type { MatrixBand } from './correlation-matrix'

/** Longest side of a picture: larger matrices are shrunk, keeping the values of the largest magnitude. */
const MAX_PIXELS = 4096

/** Anchors of a diverging scale from −1 to 1 that colour-blind people can read (ColorBrewer's RdBu, reversed). */
const ANCHORS: readonly (readonly [number, number, number])[] = [
  [33, 102, 172],
  [103, 169, 207],
  [209, 229, 240],
  [247, 247, 247],
  [253, 219, 199],
  [239, 138, 98],
  [178, 24, 43],
]

/** Colour of a value on the diverging scale; values beyond −1 … 1 take its ends. */
export function divergingColour(value: number): [number, number, number] {
  const place = ((Math.max(-1, Math.min(1, value)) + 1) / 2) * (ANCHORS.length - 1)
  const index = Math.min(ANCHORS.length - 2, Math.floor(place))
  const part = place - index
  const [low, high] = [ANCHORS[index]!, ANCHORS[index + 1]!]
  return [0, 1, 2].map((channel) => Math.round(low[channel]! + (high[channel]! - low[channel]!) * part)) as [
    number,
    number,
    number,
  ]
}

/** A matrix as a picture, built band by band: each pixel is the value of the largest magnitude that it covers. */
export class HeatMap {
  readonly width: number
  readonly height: number
  private readonly step: number
  private readonly values: Float32Array

  constructor(
    rows: number,
    private readonly columns: number,
  ) {
    this.step = Math.ceil(Math.max(rows, columns) / MAX_PIXELS)
    this.width = Math.ceil(columns / this.step)
    this.height = Math.ceil(rows / this.step)
    this.values = new Float32Array(this.width * this.height)
  }

  add({ start, count, values }: MatrixBand): void {
    for (let row = 0; row < count; row++) {
      const line = Math.floor((start + row) / this.step) * this.width
      for (let column = 0; column < this.columns; column++) {
        const value = values[row * this.columns + column]!
        const pixel = line + Math.floor(column / this.step)
        if (Math.abs(value) > Math.abs(this.values[pixel]!)) this.values[pixel] = value
      }
    }
  }

  /** The largest magnitude in the picture. */
  get largest(): number {
    return this.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  }

  /** @param scale the value that takes the end of the colour scale */
  toPng(scale: number): Uint8Array {
    const data = new Uint8Array(this.values.length * 3)
    this.values.forEach((value, pixel) => data.set(divergingColour(scale > 0 ? value / scale : 0), pixel * 3))
    return encodePng({ width: this.width, height: this.height, data, channels: 3 })
  }
}
