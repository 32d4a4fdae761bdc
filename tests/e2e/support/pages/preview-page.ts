import type { Locator, Page } from '@playwright/test'

export class PreviewPage {
  readonly prompts: Locator
  readonly seeds: Locator
  readonly steps: Locator
  readonly draw: Locator
  readonly pictures: Locator
  /** Cells whose pictures are still to come. */
  readonly waiting: Locator
  readonly comparison: Locator
  /** Which pictures are kept, by what. */
  readonly best: Locator

  constructor(private readonly page: Page) {
    this.prompts = page.getByRole('textbox', { name: 'Prompts' })
    this.seeds = page.getByRole('textbox', { name: 'Seeds' })
    this.steps = page.getByRole('textbox', { name: 'Steps' })
    this.draw = page.getByRole('button', { name: /^Draw( Ctrl Enter)?$/ })
    this.waiting = page.getByRole('table').getByRole('img', { name: 'waiting' })
    this.pictures = page.getByRole('table').getByRole('img')
    this.best = page.getByRole('region', { name: 'Best of the pictures' })
    this.comparison = page.getByRole('dialog', { name: 'Compare pictures' })
  }

  variant(label: string): Locator {
    return this.page.getByRole('checkbox', { name: label, exact: true })
  }

  /** A picture that is there and can be shown. */
  picture(variant: string): Locator {
    return this.page.getByRole('table').getByRole('img', { name: new RegExp(`^${variant}: `) })
  }

  column(label: string): Locator {
    return this.page.getByRole('columnheader', { name: label, exact: true })
  }

  /** What opens a picture. */
  pictureButton(variant: string): Locator {
    return this.page.getByRole('table').getByRole('button', { name: new RegExp(`^${variant}: `) })
  }
}
