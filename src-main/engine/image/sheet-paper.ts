import { drawText } from './bitmap-font'
import type { Picture } from './resample'

export type Colour = readonly [number, number, number]

export const PAPER: Colour = [255, 255, 255]
const INK: Colour = [32, 32, 32]
/** Pixels between what stands on a sheet. */
export const GAP = 8

/** An RGB picture that begins white, for labels and pictures; what would stand beyond its edge is left out. */
export class SheetPaper {
  private readonly data: Uint8Array

  /** In pixels. */
  constructor(
    private readonly width: number,
    private readonly height: number,
  ) {
    this.data = new Uint8Array(width * height * 3).fill(PAPER[0])
  }

  get picture(): Picture {
    return { width: this.width, height: this.height, channels: 3, data: this.data }
  }

  fill(x: number, y: number, colour: Colour): void {
    if (x < this.width && y < this.height) this.data.set(colour, (y * this.width + x) * 3)
  }

  /** One line of text (drawText). */
  write(text: string, left: number, top: number): void {
    drawText(text, left, top, (x, y) => this.fill(x, y, INK))
  }

  /** @param picture RGB; it has to fit */
  paste({ width, height, data }: Picture, left: number, top: number): void {
    for (let line = 0; line < height; line++) {
      const source = data.subarray(line * width * 3, (line + 1) * width * 3)
      this.data.set(source, ((top + line) * this.width + left) * 3)
    }
  }
}
