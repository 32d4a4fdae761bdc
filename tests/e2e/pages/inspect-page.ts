import type { Locator, Page } from '@playwright/test'

export class InspectPage {
  readonly compute: Locator
  readonly overview: Locator
  readonly filter: Locator
  readonly details: Locator
  readonly matrix: Locator
  /** The same, once no draft stands in for it. */
  readonly wholeMatrix: Locator
  /** What stands under the pointer, in words. */
  readonly readout: Locator

  constructor(private readonly page: Page) {
    this.compute = page.getByRole('button', { name: /^Compute/ })
    this.overview = page.getByRole('application', { name: /^Layers by specialist/ })
    this.matrix = page.getByRole('application', { name: /^Matrix/ })
    this.wholeMatrix = page.locator('canvas[data-shown=matrix]')
    this.filter = page.getByRole('searchbox', { name: 'Filter layers by name' })
    this.details = page.getByRole('complementary', { name: 'Layer details' })
    this.readout = page.locator('.readout')
  }

  progress(layers: number): Locator {
    return this.page.getByText(new RegExp(`^${layers} of ${layers} layers? computed`))
  }

  /** Moves the cursor of the overview with the keyboard to a cell of the first line and chooses that layer. */
  async chooseFirstLayer(column: number): Promise<void> {
    await this.overview.focus()
    for (let step = 0; step <= column; step++) await this.overview.press('ArrowRight')
    await this.overview.press('Enter')
  }

  async openMatrix(): Promise<void> {
    await this.page.getByRole('button', { name: 'Show its matrices' }).click()
  }

  /** Back to the overview. */
  async closeMatrix(): Promise<void> {
    await this.page.getByRole('button', { name: 'All layers' }).click()
  }

  /** Colour of the pixel in the middle of a canvas's cursor, [r, g, b]. */
  async pixel(canvas: Locator, x: number, y: number): Promise<number[]> {
    return canvas.evaluate(
      (element, [left, top]) => {
        const context = (element as HTMLCanvasElement).getContext('2d')!
        const ratio = devicePixelRatio
        return [...context.getImageData(left! * ratio, top! * ratio, 1, 1).data.slice(0, 3)]
      },
      [x, y],
    )
  }
}
