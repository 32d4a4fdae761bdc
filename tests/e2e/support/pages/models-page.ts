import type { Locator, Page } from '@playwright/test'

export class ModelsPage {
  readonly cards: Locator
  readonly demo: Locator
  /** Of an empty project. */
  readonly chooseBase: Locator
  readonly chooseSpecialists: Locator
  /** Models that cannot be merged as they are. */
  readonly attention: Locator

  constructor(private readonly page: Page) {
    this.chooseBase = page.getByRole('button', { name: 'Choose the base' })
    this.chooseSpecialists = page.getByRole('button', { name: 'Choose specialists' })
    this.attention = page.getByRole('region', { name: 'Needs attention' })
    this.cards = page.getByRole('list', { name: 'Models of the project' }).getByRole('listitem')
    this.demo = page.getByRole('button', { name: 'Open the demo project' })
  }

  card(name: string): Locator {
    return this.cards.filter({ has: this.page.getByRole('button', { name, exact: true }) })
  }

  /** The picture on a model's card; its words say where it is from. */
  picture(name: string): Locator {
    return this.card(name).getByRole('img').first()
  }

  /** Of a model that needs attention. */
  trouble(name: string): Locator {
    const rows = this.attention.getByRole('listitem')
    return rows.filter({ has: this.page.getByRole('button', { name, exact: true }) })
  }
}
