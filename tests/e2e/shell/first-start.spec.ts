import { NOTES } from '../../../src-renderer/features/welcome/notes'
import { STEPS } from '../../../src-renderer/shell/steps'
import { expect, expectAccessible, test } from '../support/studio-test'

test.use({ isFirstStart: true })

test('the first start shows the demo with shipped pictures, and notes that are dismissed for good', async ({
  studio,
  page,
}) => {
  await expect(studio.models.cards.first()).toBeVisible()
  await expect(studio.models.picture('food')).toHaveAccessibleName(/^food draws “taco”/)
  const { models } = (await studio.ask('app.snapshot', {})).project.project
  for (const { name } of models)
    await expect(studio.models.picture(name)).toHaveAccessibleName(`${name} draws “taco”`, { timeout: 60_000 })
  const note = page.getByRole('complementary', { name: 'Note on this step' })
  await expect(note).toContainText('add your own models')
  await expectAccessible(studio, 'the first start')

  for (const { name, title } of STEPS) {
    await studio.goTo(title)
    await expect(note).toContainText(NOTES[name])
    await note.getByRole('button', { name: 'Got it' }).click()
    await expect(note).toHaveCount(0)
  }
  await page.reload()
  await studio.goTo('Models')
  await expect(studio.models.cards).toHaveCount(models.length)
  await expect(note).toHaveCount(0)

  // An empty project stays empty: the demo comes by itself once.
  await studio.ask('project.new', {})
  await expect(studio.models.chooseBase).toBeVisible()
  await page.reload()
  await expect(studio.models.chooseBase).toBeVisible()
})

test('the first start leads to the place for own models', async ({ studio, page }) => {
  await page.getByRole('button', { name: 'Add your models' }).click()
  await expect(studio.models.chooseBase).toBeVisible()
  await studio.undo.click()
  await expect(studio.models.card('food')).toBeVisible()
})
