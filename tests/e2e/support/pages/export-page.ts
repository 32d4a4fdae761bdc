import { expect, type Locator, type Page } from '@playwright/test'

export class ExportPage {
  readonly start: Locator
  readonly forecast: Locator
  readonly result: Locator
  /** All adapters as one: there only where all specialists are adapters. */
  readonly fusion: Locator
  private readonly dialog: Locator

  constructor(private readonly page: Page) {
    this.start = page.getByRole('main').getByRole('button', { name: 'Export', exact: true })
    this.forecast = page.getByRole('complementary', { name: 'Forecast' })
    this.result = page.getByRole('region', { name: 'Last export' })
    this.fusion = page.getByRole('region', { name: 'One LoRA of all' })
    this.dialog = page.getByRole('dialog')
  }

  /** Exports under a name into a folder that may be written. */
  async exportTo(folder: string, name: string): Promise<void> {
    await this.start.click()
    await this.saveAs(folder, name)
  }

  /** Writes all adapters as one under a name into a folder that may be written. */
  async fuseTo(folder: string, name: string): Promise<void> {
    await this.fusion.getByRole('button', { name: 'Write one LoRA' }).click()
    await this.saveAs(folder, name)
  }

  private async saveAs(folder: string, name: string): Promise<void> {
    await this.openFolder(folder)
    await this.dialog.getByRole('textbox', { name: 'Name' }).fill(name)
    await this.dialog.getByRole('button', { name: 'Save here' }).click()
    await expect(this.dialog).toBeHidden()
  }

  async restoreFrom(folder: string, name: string): Promise<void> {
    await this.page.getByRole('button', { name: 'Restore from a file' }).click()
    await this.openFolder(folder)
    await this.dialog.getByRole('button', { name: new RegExp(`^${name}`) }).click()
    await this.dialog.getByRole('button', { name: 'Open', exact: true }).click()
    await expect(this.dialog).toBeHidden()
  }

  private async openFolder(folder: string): Promise<void> {
    const name = folder.split('/').at(-1)!
    await this.dialog.getByRole('button', { name, exact: true }).click()
    await expect(this.dialog.getByText(folder, { exact: true })).toBeVisible()
  }
}
