import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { expect, expectAccessible, test } from '../support/studio-test'

test('an adapter is a specialist, with one strength for the UNet and one for the text encoder', async ({
  studio,
  server,
  page,
}) => {
  const at = (name: string): string => join(server.folder, name)
  cpSync('tests/golden/sd1/pipeline', at('base'), { recursive: true })
  cpSync('tests/golden/adapters/sd1-kohya-alphas.safetensors', at('style.safetensors'))
  const models = [{ path: at('base') }, { path: at('style.safetensors') }]
  await studio.ask('project.edit', { edits: [{ type: 'add-models', models }], label: 'Add models' })
  await expect(studio.models.card('style')).toContainText(/LoRA|LoCon/)

  await studio.goTo('Tune')
  const strengths = page.getByRole('group', { name: 'Strengths of style' })
  await expectAccessible(studio, 'Tune, an adapter')
  const strengthsOfStyle = async () =>
    (await studio.ask('app.snapshot', {})).project.project.models.at(-1)!.strengths ?? null
  await strengths.getByRole('slider', { name: 'UNet' }).focus()
  await page.keyboard.press('End')
  await expect.poll(strengthsOfStyle).toEqual({ unet: 2, textEncoder: 1 })
  await strengths.getByRole('textbox', { name: /Text/ }).fill('0.25')
  await page.keyboard.press('Enter')
  await expect.poll(strengthsOfStyle).toEqual({ unet: 2, textEncoder: 0.25 })
  await studio.undo.click()
  await studio.undo.click()
  await expect.poll(strengthsOfStyle).toBeNull()
  await expect(strengths.getByRole('slider', { name: 'UNet' })).toHaveValue('1')
})
