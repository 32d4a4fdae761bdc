import AxeBuilder from '@axe-core/playwright'
import { test as base, expect } from '@playwright/test'
import { Studio } from './pages/studio'
import { StudioServer } from './studio-server'

/** A test with the program open in a browser, empty; it fails on any error that the page logs. */
export const test = base.extend<{
  server: StudioServer
  studio: Studio
  isRefused: boolean
  isFirstStart: boolean
  hasCards: boolean
}>({
  /** Whether the program has never been started before; else nothing of a first start is shown. */
  isFirstStart: [false, { option: true }],
  /** Whether the program has drawn the demo's cards before. */
  hasCards: [({ isFirstStart }, use) => use(!isFirstStart), { option: true }],
  /** Whether the test does what the host refuses: a browser logs the status of such an answer. */
  isRefused: [false, { option: true }],
  server: async ({ isFirstStart, hasCards }, use) => {
    const server = await StudioServer.start({ isFirst: isFirstStart, hasCards })
    await use(server)
    await server.stop()
  },
  studio: async ({ page, server, isRefused }, use) => {
    const errors: string[] = []
    const refusals: string[] = []
    page.on('response', (response) => {
      const asked = `${response.url()} ${response.request().postData() ?? ''}`
      if (response.status() >= 400)
        void response.text().then(
          (answer) => refusals.push(`${asked}: ${answer}`),
          () => refusals.push(asked),
        )
    })
    page.on('pageerror', (error) => errors.push(error.message))
    page.on('console', (message) => {
      const isAnswer = /^Failed to load resource: .* status of 4\d\d/.test(message.text())
      if (message.type() === 'error' && !(isRefused && isAnswer)) errors.push(message.text())
    })
    await page.goto(server.url)
    await use(new Studio(page))
    expect(errors, ['errors that the page logged', ...refusals].join('\n')).toEqual([])
  },
})

export { expect }

/** Nothing serious for those who use a screen reader or see little. */
export async function expectAccessible(studio: Studio, view: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page: studio.page }).analyze()
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  const words = serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
  expect(words, `accessibility of ${view}`).toEqual([])
}
