import type { Locator, Page } from '@playwright/test'

export class InspectPage {
  readonly compute: Locator
  /** What the map shows, in one sentence. */
  readonly sentence: Locator
  /** Blocks × models in large cells. */
  readonly blocks: Locator
  /** The network as a drawing. */
  readonly drawing: Locator
  readonly legend: Locator
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
    this.sentence = page.getByRole('main').locator('.sentence')
    this.blocks = page.getByRole('region', { name: 'Blocks by specialist' })
    this.drawing = page.getByRole('group', { name: 'The network’s blocks' })
    this.legend = page.getByRole('main').locator('.legend')
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

  /** Layer by layer, or by blocks. */
  async rows(of: 'Blocks' | 'Layers'): Promise<void> {
    await this.page.getByRole('radiogroup', { name: 'Rows of the map' }).getByRole('radio', { name: of }).click()
  }

  async show(measure: 'Change' | 'What survives' | 'Conflict' | 'Like others'): Promise<void> {
    await this.page.getByRole('radiogroup', { name: 'What is shown' }).getByRole('radio', { name: measure }).click()
  }

  /** The cells of a block, or of a layer of one that is open. */
  row(label: string): Locator {
    const name = new RegExp(`^${label.replaceAll('.', '\\.')}( ?, \\d+ layers?)?$`)
    return this.blocks.getByRole('row').filter({ has: this.page.getByRole('rowheader', { name }) })
  }

  async openBlock(label: string): Promise<void> {
    await this.row(label).getByRole('button').click()
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
