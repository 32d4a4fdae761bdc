import { expect, type Locator, type Page } from '@playwright/test'

export class TunePage {
  readonly method: Locator
  readonly suggestions: Locator
  /** What each model sees, for methods that learn from it. */
  readonly calibration: Locator
  /** Pictures that follow the sliders, and what is said of them. */
  readonly live: Locator
  /** What dropping the chosen specialist changes. */
  readonly unlearning: Locator
  private readonly rows: Locator

  constructor(private readonly page: Page) {
    this.method = page.getByRole('combobox', { name: 'Method' })
    this.suggestions = page.getByRole('region', { name: 'Suggested weights' })
    this.calibration = page.getByRole('region', { name: 'Calibration data' })
    this.live = page.getByRole('region', { name: 'Live pictures of the merge' })
    this.unlearning = page.getByRole('region', { name: 'What dropping it changes' })
    this.rows = page.getByRole('list', { name: 'Weights' }).getByRole('listitem')
  }

  row(name: string): Locator {
    return this.rows.filter({ has: this.page.getByRole('button', { name, exact: true }) })
  }

  slider(name: string): Locator {
    return this.page.getByRole('slider', { name: `Weight of ${name}` })
  }

  weight(name: string): Locator {
    return this.page.getByRole('textbox', { name: `Weight of ${name}, as a number` })
  }

  /** Folds the settings of the method out. */
  async openSettings(): Promise<void> {
    await this.page.getByRole('region', { name: 'Method' }).getByRole('button', { name: 'Settings' }).click()
  }

  /** Takes the weights suggested for the network. */
  async applySuggestion(): Promise<void> {
    await this.suggestions.getByRole('button', { name: 'Apply the weights suggested for The network' }).click()
  }

  async turnLive(on: boolean): Promise<void> {
    await this.live.getByRole('switch', { name: 'Live pictures' }).setChecked(on)
  }

  /** Addresses of the live pictures once they show the project as it is; all of them are others than before, and seen. */
  async livePictures(before: readonly string[] = []): Promise<string[]> {
    const pictures = this.live.getByRole('img', { name: /^Live: / })
    for (const src of before) await expect(this.live.locator(`img[src="${src}"]`)).toHaveCount(0, { timeout: 60_000 })
    await expect(this.live).toContainText('up to date', { timeout: 60_000 })
    await expect(this.live.getByRole('list', { name: 'Live pictures' })).toHaveAttribute('aria-busy', 'false')
    return pictures.evaluateAll((images) =>
      (images as HTMLImageElement[]).map(({ src, complete, naturalWidth }) => {
        if (!complete || naturalWidth === 0) throw new Error(`${src} cannot be seen`)
        return src
      }),
    )
  }

  /** Chooses a model for the inspector, or none where it is chosen. */
  async choose(name: string): Promise<void> {
    await this.row(name).getByRole('button', { name, exact: true }).click()
  }

  async drop(name: string): Promise<void> {
    await this.row(name).getByRole('button', { name: 'Drop' }).click()
  }

  async takeBack(name: string): Promise<void> {
    await this.row(name).getByRole('button', { name: 'Add back' }).click()
  }
}
