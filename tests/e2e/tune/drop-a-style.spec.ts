import { expect, expectAccessible, test } from '../support/studio-test'

test('a style is dropped, what that changed is seen, and the merge is exported', async ({ studio, page }) => {
  const { project } = await studio.ask('project.demo', {})
  const preview = { ...project.preview, prompts: project.preview.prompts.slice(0, 2), seeds: [3], steps: 2 }
  await studio.ask('project.edit', { label: 'Few', edits: [{ type: 'set-preview', preview }] })
  const style = project.models.at(-1)!.name
  const notice = page.getByRole('note').filter({ hasText: `${style} is dropped.` })

  await studio.goTo('Tune')
  await studio.tune.drop(style)
  await expectAccessible(studio, 'Tune, one dropped')
  await page.getByRole('button', { name: `Draw before and after dropping ${style}` }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Preview' })).toBeVisible()
  await expect(page.getByRole('columnheader')).toHaveText(['Prompt and seed', `with ${style}`, 'merge'])
  for (const column of [`with ${style}`, 'merge'])
    await expect(studio.preview.picture(column)).toHaveCount(2, { timeout: 60_000 })
  const urls = await studio.preview.pictures.evaluateAll((images) =>
    images.map((image) => (image as HTMLImageElement).src),
  )
  const bytes = await Promise.all(urls.map(async (url) => (await page.request.get(url)).body()))
  expect(bytes[0]!.equals(bytes[1]!)).toBe(false)
  await expect(notice).toContainText('Choose a picture to compare')
  await expectAccessible(studio, 'Preview, before and after')

  await studio.preview.pictureButton('merge').first().click()
  await expect(studio.preview.comparison.getByRole('combobox', { name: 'Picture B' })).toContainText(`with ${style}`)
  await page.keyboard.press('Escape')
  await notice.getByRole('button', { name: 'Export this merge' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Export' })).toBeVisible()
  await expect(page.getByRole('complementary')).toContainText(`${style}dropped`)
})

test('Preview offers to see what was dropped, as long as it is', async ({ studio, page }) => {
  const { project } = await studio.ask('project.demo', {})
  const preview = { ...project.preview, prompts: project.preview.prompts.slice(0, 1), seeds: [3], steps: 2 }
  const [first, second] = project.models.slice(1)
  const drop = (model: typeof first) => ({
    type: 'set-model' as const,
    name: model!.name,
    model: { ...model!, enabled: false },
  })
  const edits = [{ type: 'set-preview' as const, preview }, drop(first), drop(second)]
  await studio.ask('project.edit', { label: 'Drop two', edits })
  await studio.goTo('Preview')
  const words = `${first!.name} and ${second!.name} are dropped.`
  await expect(page.getByText(words)).toBeVisible()
  await page.getByRole('button', { name: 'Draw before and after' }).click()
  const columns = [`with ${first!.name}`, `with ${second!.name}`, 'merge']
  await expect(page.getByRole('columnheader')).toHaveText(['Prompt and seed', ...columns])
  for (const column of columns) await expect(studio.preview.picture(column)).toBeVisible({ timeout: 60_000 })
  await expect(studio.preview.variant(`with ${first!.name}`)).toBeVisible()
  await studio.undo.click()
  await expect(page.getByText('dropped')).toHaveCount(0)
  await expect(studio.preview.variant(`with ${first!.name}`)).toHaveCount(0)
})
