import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, expectAccessible, test } from '../support/studio-test'

test('a tiny random scorer says which picture of a prompt is the best, and the others are hidden', async ({
  studio,
  server,
  page,
}) => {
  const { project } = await studio.ask('project.demo', {})
  // A few thousand random weights: what it says means nothing.
  const files = join(server.folder, 'pickscore')
  await cp('tests/golden/rewards/pickscore', files, { recursive: true })
  const preview = {
    ...project.preview,
    ...{ prompts: ['pizza', 'lion'], seeds: [1, 2, 3], steps: 1, variants: [{ type: 'base' as const }] },
  }
  await studio.ask('project.edit', { label: 'Few', edits: [{ type: 'set-preview', preview }] })
  await studio.goTo('Preview')
  await studio.preview.draw.click()
  await expect(studio.preview.picture('base')).toHaveCount(6, { timeout: 60_000 })

  await test.step('without a scorer it leads to where one is chosen', async () => {
    await studio.preview.best.getByRole('button', { name: 'Choose a scorer in Evaluate' }).click()
    await expect(page.getByRole('heading', { name: 'Evaluate', exact: true })).toBeVisible()
    const evaluation = { ...project.evaluation, scorers: { ...project.evaluation.scorers, 'pick-score': files } }
    await studio.ask('project.edit', { label: 'PickScore', edits: [{ type: 'set-evaluation', evaluation }] })
    await studio.goTo('Preview')
  })

  const ranked = page.getByText(/, [123] of 3$/)
  await test.step('it ranks the pictures of each prompt, and marks the best', async () => {
    await studio.preview.best.getByRole('combobox', { name: 'Keep the best by' }).selectOption('pick-score')
    await expect(ranked).toHaveCount(6, { timeout: 30_000 })
    const { pictures } = await studio.ask('preview.history', { limit: 100 })
    for (const prompt of preview.prompts) {
      const own = pictures.filter(({ settings }) => settings.prompt === prompt)
      const most = Math.max(...own.map(({ scores }) => scores!['pick-score']!))
      const text = `Best: ${most.toFixed(2).replace('-', '−')}, 1 of 3`
      const row = page.getByRole('row').filter({ hasText: prompt }).filter({ hasText: text })
      await expect(row).toHaveCount(1)
    }
    for (const theme of ['dark', 'light'] as const) {
      await studio.setTheme(theme)
      await expectAccessible(studio, `Preview, the best pictures, ${theme}`)
    }
  })

  await test.step('the others are hidden, and come back', async () => {
    const hide = studio.preview.best.getByRole('switch', { name: 'Hide the others' })
    await hide.click()
    await expect(studio.preview.picture('base')).toHaveCount(2)
    await hide.click()
    await expect(studio.preview.picture('base')).toHaveCount(6)
  })

  await test.step('scores stay with their pictures', async () => {
    await page.reload()
    await studio.preview.best.getByRole('combobox', { name: 'Keep the best by' }).selectOption('pick-score')
    await expect(ranked).toHaveCount(6)
    await expect(studio.preview.best.getByRole('button', { name: /^Score/ })).toHaveCount(0)
  })
})
