import { join } from 'node:path'
import { encodePng } from '../../../src-main/engine/image/png'
import { put, putText, SHAPES } from '../../unit/engine/library/library-trees'
import { expect, expectAccessible, test } from '../support/studio-test'

const png = Buffer.from(encodePng({ width: 8, height: 8, channels: 3, data: new Uint8Array(192).fill(200) }))

test('models of another program are found, and added', async ({ studio, server, page }) => {
  const webui = join(server.folder, 'webui')
  put(webui, 'models/Stable-diffusion/dream.safetensors')
  putText(webui, 'models/Stable-diffusion/dream.preview.png', png)
  put(webui, 'models/Lora/style.safetensors', SHAPES.lora)
  put(webui, 'models/Lora/large.safetensors', SHAPES.sdxlLora)
  put(webui, 'embeddings/word.safetensors', SHAPES.embedding)
  putText(webui, 'models/Lora/broken.safetensors', '<html>')
  for (let index = 0; index < 300; index++) put(webui, `models/VAE/vae-${index}.safetensors`, SHAPES.vae)

  await studio.models.chooseBase.click()
  const dialog = page.getByRole('dialog', { name: 'Add models' })
  await expect(dialog).toContainText('Add the folder of a program that you have')
  await expectAccessible(studio, 'the empty library')

  await dialog.getByRole('button', { name: 'Add a folder' }).click()
  const files = page.getByRole('dialog', { name: 'Add a folder of models' })
  await files.getByRole('button', { name: 'webui' }).click()
  await files.getByRole('button', { name: 'Use this folder' }).click()
  await expect(dialog).toContainText("A1111's web UI, 305 models")
  const { modelFolders } = await studio.ask('settings.get', {})
  expect(modelFolders).toEqual([webui])

  const rows = dialog.getByRole('list', { name: 'Models in the library' }).getByRole('listitem')
  await expect(rows.first()).toContainText('broken')
  await expect(rows.first()).toContainText('This is a web page')
  expect(await rows.count()).toBeLessThan(50)
  await expectAccessible(studio, 'the library')

  const row = (name: string) => dialog.getByRole('button', { name })
  await row('broken').click({ force: true })
  await expect(dialog.getByRole('button', { name: 'Add', exact: true })).toBeDisabled()
  await expect(rows.filter({ hasText: 'dream' }).locator('img')).toBeVisible()

  await row('style').click()
  await expect(dialog).toContainText('An adapter needs a base')
  await row('dream').focus()
  await page.keyboard.press('Enter')
  await page.keyboard.press('ArrowDown')
  await expect(row('large')).toBeFocused()
  await page.keyboard.press('End')
  await expect(row('word')).toBeFocused()
  await expect(row('word')).toContainText('featurefusion generate --embedding')

  await dialog.getByLabel('Kind').selectOption({ label: 'Adapter' })
  await expect(rows).toHaveCount(2)
  await dialog.getByLabel('Base').selectOption({ label: 'SDXL' })
  await expect(rows).toHaveCount(1)
  await dialog.getByLabel('Search models').fill('nothing like this')
  await expect(dialog).toContainText('No model fits these filters.')
  await dialog.getByRole('button', { name: 'Add 2 models' }).click()
  await expect(dialog).toBeHidden()
  const names = async () => (await studio.ask('app.snapshot', {})).project.project.models.map(({ name }) => name)
  await expect.poll(names).toEqual(['dream', 'style'])

  await page.getByRole('button', { name: 'Add models' }).first().click()
  await dialog.getByLabel('Search models').fill('dream')
  await dialog.getByLabel('Kind').selectOption({ label: 'All kinds' })
  await dialog.getByLabel('Base').selectOption({ label: 'All bases' })
  await expect(rows).toContainText(['in the project'])
  await dialog.getByRole('button', { name: 'Compute hashes' }).click()
  const hashOfDream = async () =>
    (await studio.ask('library.list', {})).entries.find(({ name }) => name === 'dream')?.sha256
  await expect.poll(hashOfDream).toBeTruthy()
  await dialog.getByRole('button', { name: /^Take .*webui out of the library$/ }).click()
  await expect(dialog).toContainText('Add the folder of a program that you have')

  await dialog.getByRole('button', { name: 'Other files, folders or projects' }).click()
  await expect(page.getByRole('dialog', { name: 'Add models' }).last()).toContainText('Up')
})
