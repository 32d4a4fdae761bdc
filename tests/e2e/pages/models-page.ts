import type { Locator, Page } from '@playwright/test'

export class ModelsPage {
  readonly cards: Locator
  readonly demo: Locator

  constructor(page: Page) {
    this.cards = page.getByRole('list', { name: 'Models of the project' }).getByRole('listitem')
    this.demo = page.getByRole('button', { name: 'Open the demo project' })
  }

  card(name: string): Locator {
    return this.cards.filter({ has: this.cards.page().getByRole('button', { name, exact: true }) })
  }
}
