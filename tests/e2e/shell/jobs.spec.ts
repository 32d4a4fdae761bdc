import { expect, expectAccessible, test } from '../support/studio-test'

test('waiting jobs are put into another order, and none begins while the queue is paused', async ({ studio, page }) => {
  await studio.models.demo.click()
  await expect(studio.shares).toBeVisible()
  await page.keyboard.press('Control+j')
  const panel = page.getByRole('region', { name: 'All jobs' })
  await panel.getByRole('button', { name: 'Pause' }).click()
  await expect(panel).toContainText('no job begins')
  await studio.ask('models.hash', {})
  await studio.ask('evaluate.start', { kind: 'table' })
  const jobs = panel.getByRole('listitem')
  await expect(jobs).toHaveCount(2)
  await expect(jobs.first()).toContainText('Hash')
  await expectAccessible(studio, 'a paused queue')
  await panel.getByRole('button', { name: /^Run Hash .* later$/ }).click()
  await expect(jobs.first()).toContainText('Evaluate')
  await page.reload()
  await page.keyboard.press('Control+j')
  await expect(jobs.first()).toContainText('Evaluate')
  await jobs.first().getByRole('button', { name: 'Cancel' }).click()
  await panel.getByRole('button', { name: 'Go on' }).click()
  await expect(jobs.filter({ hasText: 'Hash' })).toContainText('done')
})

test('the end of a long job is told while nobody looks, where the browser may', async ({ studio, page, context }) => {
  await context.grantPermissions(['notifications'])
  await page.addInitScript(() => {
    const told: string[] = []
    class Told {
      static permission = 'granted'
      static requestPermission = () => Promise.resolve('granted')
      onclick: (() => void) | null = null
      constructor(title: string, { body, silent }: { body: string; silent: boolean }) {
        told.push(`${title}: ${body}, ${silent ? 'silent' : 'loud'}`)
      }
    }
    Object.assign(window, { Notification: Told, told })
    document.hasFocus = () => false
  })
  // A job that has taken long: its start is put back.
  await page.routeWebSocket(/events/, (socket) => {
    const host = socket.connectToServer()
    host.onMessage((message) => {
      const text = String(message)
      socket.send(text.replace(/"startedAt":\d+/g, '"startedAt":1'))
    })
  })
  await page.reload()
  await studio.models.demo.click()
  await expect(studio.shares).toBeVisible()
  await studio.ask('models.hash', {})
  await expect(page).toHaveTitle(/^\(1\) /)
  expect(await page.evaluate(() => (window as unknown as { told: string[] }).told)).toEqual([
    expect.stringMatching(/^Done: Hash .* files, silent$/),
  ])
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await expect(page).toHaveTitle(/^Demo/)
})
