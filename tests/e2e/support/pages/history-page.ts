import type { Locator, Page } from '@playwright/test'

export class HistoryPage {
  readonly search: Locator
  /** Every entry that fits, newest first. */
  readonly entries: Locator
  readonly details: Locator
  readonly comparison: Locator
  readonly differences: Locator

  constructor(private readonly page: Page) {
    const main = page.getByRole('main')
    this.search = main.getByRole('searchbox', { name: 'Search the history' })
    this.entries = main.getByRole('listitem').filter({ has: page.getByRole('checkbox') })
    this.details = page.getByRole('complementary', { name: 'Details' })
    this.comparison = page.getByRole('complementary', { name: 'What differs' })
    this.differences = this.comparison.getByRole('table', { name: 'Differences' })
  }

  entry(words: string | RegExp): Locator {
    return this.entries.filter({ hasText: words })
  }

  async open(words: string | RegExp): Promise<void> {
    await this.entry(words).getByRole('button').click()
  }

  async compare(...names: string[]): Promise<void> {
    for (const name of names) await this.page.getByRole('checkbox', { name: `Compare ${name}`, exact: true }).check()
  }
}
