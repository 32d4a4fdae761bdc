import { expect, expectAccessible, test } from '../support/studio-test'

test('an export tells what it wrote and what comes next, and counts for its own recipe alone', async ({
  studio,
  server,
  page,
}) => {
  await studio.models.demo.click()
  await expect(studio.shares).toBeVisible()
  const { models } = (await studio.ask('app.snapshot', {})).project.project
  const rail = page.getByRole('navigation', { name: 'Steps' })
  await expect(rail.getByRole('button', { name: /^Tune/ })).toContainText('not changed yet')
  const step = rail.getByRole('button', { name: /^Export/ })
  await expect(step).toContainText('not exported')

  await studio.goTo('Export')
  await studio.export.exportTo(server.folder, 'merged')
  const { result } = studio.export
  await expect(result).toContainText('is written', { timeout: 60_000 })
  await expect(step).toContainText(/(?<!not )exported/)
  for (const part of ['unet', 'vae']) await expect(result).toContainText(`${part}/diffusion_pytorch_model.safetensors`)

  const next = result.getByRole('group', { name: 'What next' })
  await next.getByRole('button', { name: 'Verify' }).click()
  await expect(result).toContainText('It is as it was written.')
  await expectAccessible(studio, 'Export, with a result')

  await next.getByRole('button', { name: 'Show in folder' }).click()
  const folder = page.getByRole('dialog', { name: 'Where merged is' })
  await expect(folder).toContainText('On the computer that serves this program.')
  await expect(folder.locator('[aria-current]')).toHaveText(/merged/)
  await expectAccessible(studio, 'Export, the folder of the result')
  await folder.getByRole('button', { name: 'Close' }).last().click()

  const { project } = (await studio.ask('app.snapshot', {})).project
  const edits = [{ type: 'set-model' as const, name: models[1]!.name, model: { ...project.models[1]!, weight: 0.5 } }]
  await studio.ask('project.edit', { edits, label: 'Weigh' })
  await expect(step).toContainText('changed since')
  await expect(result).toContainText('The project has changed since')
  await expect(rail.getByRole('button', { name: /^Tune/ })).toContainText('all take part')
  await studio.undo.click()
  await expect(step).toContainText(/(?<!not )exported/)

  await page.keyboard.press('Control+Alt+n')
  await expect(step).toContainText('not exported')
  await studio.undo.click()

  await studio.goTo('Export')
  await next.getByRole('button', { name: 'Draw with it' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Preview' })).toBeVisible()
  await expect(page.getByRole('checkbox', { name: 'merged', exact: true })).toBeVisible()
  const after = (await studio.ask('app.snapshot', {})).project.project.models
  expect(after.at(-1)).toMatchObject({ name: 'merged', enabled: false })
  // It takes no part: the export is still what the project says.
  await expect(step).toContainText(/(?<!not )exported/)
})
