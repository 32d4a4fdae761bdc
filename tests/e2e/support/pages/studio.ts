import type { Locator, Page } from '@playwright/test'
import type { CommandInput, CommandName, CommandOutput } from '../../../../src-main/contract/protocol/commands'
import type { Reply } from '../../../../src-main/contract/protocol/wire'
import { STEPS } from '../../../../src-renderer/shell/steps'
import { EvaluatePage } from './evaluate-page'
import { ExportPage } from './export-page'
import { HistoryPage } from './history-page'
import { InspectPage } from './inspect-page'
import { ModelsPage } from './models-page'
import { PreviewPage } from './preview-page'
import { TunePage } from './tune-page'

export type View = (typeof STEPS)[number]['title'] | 'History' | 'Settings'
export const VIEWS: readonly View[] = [...STEPS.map(({ title }) => title), 'History', 'Settings']

/** The whole window: what is there in every view, and a page object for each of them. */
export class Studio {
  readonly models: ModelsPage
  readonly inspect: InspectPage
  readonly tune: TunePage
  readonly preview: PreviewPage
  readonly evaluate: EvaluatePage
  readonly export: ExportPage
  readonly history: HistoryPage
  /** Every model's share, always in sight. */
  readonly shares: Locator
  readonly undo: Locator
  readonly redo: Locator

  constructor(readonly page: Page) {
    this.models = new ModelsPage(page)
    this.inspect = new InspectPage(page)
    this.tune = new TunePage(page)
    this.preview = new PreviewPage(page)
    this.evaluate = new EvaluatePage(page)
    this.export = new ExportPage(page)
    this.history = new HistoryPage(page)
    this.shares = page.getByRole('region', { name: 'Shares of the merge' })
    this.undo = page.getByRole('banner').getByRole('button', { name: /^Undo/ })
    this.redo = page.getByRole('banner').getByRole('button', { name: /^Redo/ })
  }

  /** A step's entry in the rail, with its state. */
  step(view: View): Locator {
    const steps = this.page.getByRole('navigation', { name: 'Steps' })
    return steps.getByRole('button', { name: new RegExp(`^${view}`) })
  }

  async goTo(view: View): Promise<void> {
    const banner = this.page.getByRole('banner')
    await (view === 'History' ? banner.getByRole('button', { name: view }) : this.step(view)).click()
    await this.page.getByRole('heading', { level: 1, name: view }).waitFor()
  }

  /** Asks the host beside the interface: what tests expect comes from there, not from a list of their own. */
  async ask<C extends CommandName>(command: C, input: CommandInput<C>): Promise<CommandOutput<C>> {
    const response = await this.page.request.post(new URL(`/api/${command}`, this.page.url()).href, { data: input })
    const reply = (await response.json()) as Reply
    if (!reply.ok) throw new Error(`${command}: ${reply.error.message}`)
    return reply.value as CommandOutput<C>
  }

  async setTheme(theme: 'dark' | 'light'): Promise<void> {
    await this.ask('settings.set', { theme })
    await this.page.locator(`html[data-theme="${theme}"]`).waitFor()
    // In between, colours have contrasts that neither theme has.
    await this.page.evaluate(async () => {
      const changing = document.getAnimations().filter((animation) => animation instanceof CSSTransition)
      await Promise.allSettled(changing.map(({ finished }) => finished))
    })
  }
}
