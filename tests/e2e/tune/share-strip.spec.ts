import { expect, test } from '../support/studio-test'

test('names of the shares are whole while their line has room', async ({ studio, page }) => {
  await page.setViewportSize({ width: 1024, height: 700 })
  const { project } = await studio.ask('project.demo', {})
  const names = studio.shares.locator('.truncate')
  await expect(names).toHaveText(project.models.map(({ name }) => name))
  expect(
    await names.evaluateAll((found) =>
      found.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent),
    ),
  ).toEqual([])
})
