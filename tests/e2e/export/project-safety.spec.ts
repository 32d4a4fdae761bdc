import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Project } from '../../../src-main/contract/document/project'
import { expect, expectAccessible, test } from '../support/studio-test'

test('another project in its place is a step that undo takes back', async ({ studio, page }) => {
  await studio.models.demo.click()
  await expect(studio.shares).toBeVisible()
  const { project } = (await studio.ask('app.snapshot', {})).project
  await studio.ask('project.edit', { edits: [{ type: 'set-preview', preview: project.preview }], label: 'A change' })
  for (const replace of ['New project', 'Demo project']) {
    await page.getByRole('banner').getByRole('button', { name: /^Demo/ }).click()
    await page.getByRole('menuitem', { name: replace }).click()
    await page.getByText('Demo was not saved. Undo brings it back.').waitFor()
    await page.getByRole('note').getByRole('button', { name: 'Undo', exact: true }).click()
    await expect(studio.undo).toHaveAccessibleName(/A change/)
    await expect(studio.models.cards).toHaveCount(project.models.length)
  }
})

test('changes of a file are not left behind without a question', async ({ studio, server, page }) => {
  await studio.models.demo.click()
  await expect(studio.shares).toBeVisible()
  const file = join(server.folder, 'mine.fusion.json')
  const { project } = await studio.ask('project.save', { path: file })
  const label = 'Fewer steps'
  await studio.ask('project.edit', {
    edits: [{ type: 'set-preview', preview: { ...project.preview, steps: 3 } }],
    label,
  })
  // The page asks about changes that it knows of.
  await expect(studio.undo).toHaveAccessibleName(`Undo: ${label}`)
  const question = page.getByRole('dialog', { name: 'Save the changes of mine?' })
  await page.keyboard.press('Control+Alt+n')
  await expectAccessible(studio, 'the question')
  await question.getByRole('button', { name: 'Cancel' }).click()
  await expect(studio.undo).toHaveAccessibleName(`Undo: ${label}`)

  await page.keyboard.press('Control+Alt+n')
  await question.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(studio.models.demo).toBeVisible()
  expect((JSON.parse(await readFile(file, 'utf8')) as Project).preview.steps).toBe(3)
  await studio.undo.click()
  await expect(page.getByRole('banner').getByRole('button', { name: 'mine', exact: true })).toBeVisible()
})

test.describe('where something is refused', () => {
  test.use({ isRefused: true })

  test('an error goes with the view and stays in the log', async ({ studio, server, page }) => {
    await writeFile(join(server.folder, 'broken.fusion.json'), '{')
    await page.keyboard.press('Control+o')
    const dialog = page.getByRole('dialog', { name: 'Open a project' })
    await dialog.getByRole('button', { name: server.folder.split('/').at(-1)!, exact: true }).click()
    await dialog.getByRole('button', { name: /^broken/ }).click()
    await dialog.getByRole('button', { name: 'Open', exact: true }).click()
    const notice = page.getByRole('alert').filter({ hasText: 'broken.fusion.json' })
    await expect(notice).toBeVisible()
    // What has only just been said stays for the view that the same action opens.
    await page.waitForTimeout(1200)
    await studio.goTo('Settings')
    await expect(notice).toHaveCount(0)
    await expect(page.getByRole('log')).toContainText('broken.fusion.json')
  })
})

test('results of one project count for no other, and nothing is asked for that is not there', async ({
  studio,
  page,
}) => {
  await studio.models.demo.click()
  await expect(studio.shares).toBeVisible()
  const { preview, evaluation } = (await studio.ask('app.snapshot', {})).project.project
  await studio.ask('project.edit', {
    edits: [
      { type: 'set-preview', preview: { ...preview, prompts: preview.prompts.slice(0, 1), steps: 2 } },
      { type: 'set-evaluation', evaluation: { ...evaluation, pictures: 1 } },
    ],
    label: 'Less to do',
  })
  await studio.ask('inspect.start', {})
  await studio.ask('preview.run', { variants: [{ type: 'base' }] })
  await studio.ask('evaluate.start', { kind: 'table' })
  const step = (name: string) =>
    page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: new RegExp(`^${name}`) })
  await expect(step('Evaluate')).toContainText(/(?<!not )measured/, { timeout: 90_000 })
  await expect(step('Inspect')).toContainText('layers')
  await expect(step('Preview')).toContainText('1 picture')
  // Suggestions are asked for in Tune.
  await studio.goTo('Tune')
  await page.keyboard.press('Control+Alt+n')
  await expect(step('Models')).toContainText('no models yet')
  await expect(step('Inspect')).toContainText('not computed')
  await expect(step('Preview')).toContainText('no pictures')
  await expect(step('Evaluate')).toContainText('not measured')
  await expect(step('Export')).toContainText('not exported')
  await studio.undo.click()
  await expect(step('Preview')).toContainText('1 picture')
  await expect(step('Evaluate')).toContainText(/(?<!not )measured/)
})

test('a part that no specialist has cannot be ticked', async ({ studio, page }) => {
  await studio.models.demo.click()
  await expect(studio.shares).toBeVisible()
  await studio.goTo('Tune')
  await studio.tune.openSettings()
  const parts = page.getByRole('group', { name: 'Parts to merge' })
  await expect(parts.getByRole('checkbox', { name: /^UNet/ })).toBeEnabled()
  await expect(parts.getByRole('checkbox', { name: /^VAE/ })).toBeDisabled()
})
