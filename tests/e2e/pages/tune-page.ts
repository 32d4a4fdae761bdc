import type { Locator, Page } from '@playwright/test'

export class TunePage {
  readonly method: Locator
  readonly suggestions: Locator
  private readonly rows: Locator

  constructor(private readonly page: Page) {
    this.method = page.getByRole('combobox', { name: 'Method' })
    this.suggestions = page.getByRole('region', { name: 'Suggested weights' })
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

  /** Takes the weights suggested for the network. */
  async applySuggestion(): Promise<void> {
    await this.suggestions.getByRole('button', { name: 'Apply the weights suggested for The network' }).click()
  }

  async drop(name: string): Promise<void> {
    await this.row(name).getByRole('button', { name: 'Drop' }).click()
  }

  async takeBack(name: string): Promise<void> {
    await this.row(name).getByRole('button', { name: 'Take back' }).click()
  }
}
