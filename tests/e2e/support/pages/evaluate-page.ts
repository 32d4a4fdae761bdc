import type { Download, Locator, Page } from '@playwright/test'

export class EvaluatePage {
  readonly start: Locator
  readonly stop: Locator
  /** Losses: the rows are models, the columns domains. */
  readonly losses: Locator
  /** The table in words. */
  readonly verdict: Locator
  /** Methods by what they keep. */
  readonly board: Locator
  /** Methods against the plain average. */
  readonly forest: Locator
  readonly search: Locator
  readonly unlearning: Locator
  readonly scores: Locator
  readonly recognition: Locator
  /** Merges by what they keep and what the base forgets. */
  readonly front: Locator
  /** The sampling check. */
  readonly check: Locator
  readonly inspector: Locator

  constructor(private readonly page: Page) {
    const main = page.getByRole('main')
    this.start = main.getByRole('button', { name: /^(Evaluate|Compare|Search|Check)$/ }).first()
    this.stop = main.getByRole('button', { name: /^(Cancel|Stop)$/ })
    this.losses = page.getByRole('region', { name: 'Losses by domain' })
    this.verdict = main.locator('.verdict')
    this.board = page.getByRole('region', { name: 'Leaderboard' })
    this.forest = page.getByRole('region', { name: 'Against the plain average' })
    this.search = page.getByRole('region', { name: 'Automatic weights' })
    this.unlearning = page.getByRole('region', { name: 'Unlearning', exact: true })
    this.scores = page.getByRole('region', { name: 'Scores', exact: true })
    this.recognition = page.getByRole('region', { name: 'Recognition', exact: true })
    this.front = page.getByRole('region', { name: 'Front', exact: true })
    this.check = page.getByRole('region', { name: 'Sampling check' })
    this.inspector = page.getByRole('complementary', { name: 'What to measure' })
  }

  async show(tab: 'Table' | 'Compare methods' | 'Automatic weights' | 'Sampling check'): Promise<void> {
    await this.page.getByRole('radiogroup', { name: 'What is shown' }).getByRole('radio', { name: tab }).click()
  }

  async setPictures(most: number): Promise<void> {
    const field = this.inspector.getByRole('textbox', { name: 'At most per domain' })
    await field.fill(String(most))
    await field.press('Enter')
  }

  /** Whether captions are drawn as well. */
  async drawCaptions(): Promise<void> {
    await this.inspector.getByRole('switch', { name: 'Also draw the captions' }).click()
  }

  row(name: string): Locator {
    const header = this.page.getByRole('rowheader', { name, exact: true })
    return this.losses.getByRole('row').filter({ has: header })
  }

  /** What a press on CSV or PNG brings. */
  async save(kind: 'CSV' | 'PNG'): Promise<Download> {
    const download = this.page.waitForEvent('download')
    await this.losses.getByRole('button', { name: kind }).click()
    return download
  }

  async useFound(): Promise<void> {
    await this.search.getByRole('button', { name: 'Use these weights' }).click()
  }
}
