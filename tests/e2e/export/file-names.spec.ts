import { readdir } from 'node:fs/promises'
import { expect, expectAccessible, test } from '../support/studio-test'

test('names get their endings, forbidden ones are refused in words, and folders can be made', async ({
  studio,
  server,
  page,
}) => {
  await studio.models.demo.click()
  await expect(studio.shares).toBeVisible()
  const folder = server.folder.split('/').at(-1)!
  await page.keyboard.press('Control+s')
  const dialog = page.getByRole('dialog', { name: 'Save the project as' })
  const name = dialog.getByRole('textbox', { name: 'Name', exact: true })
  const save = dialog.getByRole('button', { name: 'Save here' })
  await dialog.getByRole('button', { name: folder, exact: true }).click()

  await dialog.getByRole('button', { name: 'New folder' }).click()
  await dialog.getByRole('textbox', { name: 'Name of the new folder' }).fill('projects')
  await dialog.getByRole('button', { name: 'Make' }).click()
  await expect(dialog.getByText(`${server.folder}/projects`, { exact: true })).toBeVisible()

  for (const [typed, words] of [
    ['my/../merge:1', 'cannot contain “/”'],
    ['merge:1', 'cannot contain “:”'],
    ['CON', 'a device'],
    ['merge.', 'dot or a space'],
  ] as const) {
    await name.fill(typed)
    await expect(dialog.getByText(words)).toBeVisible()
    await expect(save).toBeDisabled()
  }
  await name.fill('demo')
  await expect(dialog.getByText('Written as demo.fusion.json')).toBeVisible()
  await expectAccessible(studio, 'the file dialog')
  await save.click()
  await expect(dialog).toBeHidden()
  await expect.poll(() => readdir(`${server.folder}/projects`)).toEqual(['demo.fusion.json'])

  await page.keyboard.press('Control+Shift+s')
  await name.fill('demo')
  await expect(dialog.getByText('demo.fusion.json exists')).toBeVisible()
  await expect(dialog.getByRole('button', { name: 'Replace' })).toBeEnabled()
  await page.keyboard.press('Escape')

  await page.keyboard.press('Control+o')
  const open = page.getByRole('dialog', { name: 'Open a project' })
  await expect(open.getByRole('button', { name: /^demo\.fusion\.json/ })).toBeVisible()
})
