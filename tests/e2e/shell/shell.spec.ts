import { VIEWS } from '../support/pages/studio'
import { expect, expectAccessible, test } from '../support/studio-test'

test('the jobs lie beside the steps, and Escape closes them', async ({ studio, page }) => {
  await studio.models.demo.click()
  await expect(studio.shares).toBeVisible()
  await page.keyboard.press('Control+j')
  const jobs = page.getByRole('region', { name: 'All jobs' })
  const [panel, rail] = await Promise.all([
    jobs.boundingBox(),
    page.getByRole('navigation', { name: 'Steps' }).boundingBox(),
  ])
  expect(panel!.x).toBeGreaterThanOrEqual(rail!.x + rail!.width)
  await studio.goTo('Tune')
  await page.keyboard.press('Escape')
  await expect(jobs).toHaveCount(0)
})

test('everything can be reached in a window zoomed to 200 %', async ({ studio, page }) => {
  await studio.models.demo.click()
  await expect(studio.shares).toBeVisible()
  await page.setViewportSize({ width: 640, height: 400 })
  for (const view of VIEWS) {
    await studio.goTo(view)
    const fold = page.getByRole('complementary').getByRole('button', { expanded: false }).first()
    if (await fold.count()) {
      const before = await page.getByRole('complementary').boundingBox()
      await fold.click()
      const after = await page.getByRole('complementary').boundingBox()
      expect(after!.height, `${view}: the inspector unfolds`).toBeGreaterThan(before!.height)
    }
    const buttons = await page.getByRole('main').getByRole('button').all()
    for (const button of buttons.slice(0, 4)) {
      await button.scrollIntoViewIfNeeded()
      await expect(button).toBeInViewport()
    }
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), view).toBeLessThanOrEqual(0)
    await expectAccessible(studio, `${view}, small`)
  }
})

test('the sheet explains words as well as keys', async ({ studio, page }) => {
  await page.keyboard.press('?')
  const sheet = page.getByRole('dialog', { name: 'Keyboard and words' })
  for (const word of ['Specialist', 'Correlation', 'Normaliser (Z)', '(κ)', 'Contributions', 'Unlearning'])
    await expect(sheet.getByRole('term').filter({ hasText: word }).first()).toBeAttached()
  await expectAccessible(studio, 'Keyboard and words')
})
