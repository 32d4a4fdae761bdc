import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, expectAccessible, test } from '../support/studio-test'

const MECHA = `version 0.1.0
model "models/base" model_config="sd1-ldm" merge_space="weight"
model "C:\\\\merges\\\\flat" model_config="sd1-ldm" merge_space="weight"
merge "subtract" &1 &0
model "gone.safetensors" model_config="sd1-ldm" merge_space="weight"
merge "subtract" &3 &0
dict key=0.2
literal &5 model_config="singleton-mecha" merge_space="param"
merge "convert_singleton" &6
merge "ties_sum" &2 &4 k=&7
dict key=0.5
literal &9 model_config="singleton-mecha" merge_space="param"
merge "convert_singleton" &10
merge "add_difference" &0 &8 &11`

const MERGEKIT = `merge_method: dare_linear
base_model: base
models:
  - model: someone/flat
    parameters: {weight: 0.4, density: 0.6}
  - model: someone/sketch
    parameters: {weight: 0.3, density: 0.6}
dtype: bfloat16`

// A forecast with a model that is missing, and a recipe that cannot be read, are errors.
test.use({ isRefused: true })

test('recipes of sd-mecha and mergekit become projects', async ({ studio, server, page }) => {
  for (const name of ['base', 'flat', 'sketch']) {
    await cp(`resources/demo/${name}`, join(server.folder, name), { recursive: true })
  }
  await writeFile(join(server.folder, 'mine.mecha'), MECHA)
  await writeFile(join(server.folder, 'mergekit_config.yml'), MERGEKIT)

  await studio.goTo('Export')
  await studio.export.restoreFrom(server.folder, 'mine.mecha')
  await expect(page.getByText('Not found: gone.').first()).toBeVisible()
  const { project } = (await studio.ask('app.snapshot', {})).project
  expect(project.method).toMatchObject({ name: 'ties', tiesForm: 'sd-mecha', density: 0.2, sign: 'count', scale: 0.5 })
  expect(project.models.map(({ name }) => name)).toEqual(['base', 'flat', 'gone'])
  await studio.goTo('Models')
  await expect(studio.models.card('flat')).toContainText(/MB|changed/)
  await expect(studio.models.trouble('gone')).toContainText('is not there')
  await expectAccessible(studio, 'a restored recipe with a model that is missing')

  await studio.goTo('Export')
  await studio.export.restoreFrom(server.folder, 'mergekit_config.yml')
  await studio.goTo('Models')
  await expect(studio.models.card('sketch')).toContainText(/MB|changed/)
  await expect(studio.models.attention).toHaveCount(0)
  const restored = (await studio.ask('app.snapshot', {})).project.project
  expect(restored.method).toMatchObject({ name: 'dare', density: 0.6, rescale: 'l1', scale: 1 })
  expect(restored.models.map(({ name, weight }) => [name, weight])).toEqual([
    ['base', 1],
    ['flat', 0.4],
    ['sketch', 0.3],
  ])
  expect(restored.output.dtype).toBe('bf16')
})

test('what does not exist here is refused by its name, and the project stays', async ({ studio, server, page }) => {
  await studio.ask('project.demo', {})
  await writeFile(join(server.folder, 'layers.yaml'), MERGEKIT.replace('0.4', '[0, 1]'))
  await studio.goTo('Export')
  await studio.export.restoreFrom(server.folder, 'layers.yaml')
  const notice = page.getByRole('alert').filter({ hasText: '“weight” is a gradient over the layers' })
  await expect(notice).toContainText('blocks and layers are weighed in Tune')
  expect((await studio.ask('app.snapshot', {})).project.project.models.length).toBeGreaterThan(3)
})

test('what was chosen stays when its folder is listed once more', async ({ studio, server, page }) => {
  await writeFile(join(server.folder, 'mine.mecha'), MECHA)
  await studio.goTo('Export')
  await page.getByRole('button', { name: 'Restore from a file' }).click()
  const dialog = page.getByRole('dialog', { name: 'Restore from a file' })
  const recipe = dialog.getByRole('button', { name: /^mine\.mecha/ })
  await expect(recipe).toBeVisible()
  let answer = (): void => {}
  const asked = new Promise<void>((resolve) => (answer = resolve))
  await page.route('**/files.list', async (route) => {
    await asked
    await route.continue()
  })
  await dialog.getByRole('button', { name: server.folder.split('/').at(-1)!, exact: true }).click()
  await recipe.click()
  const listed = page.waitForResponse('**/files.list')
  answer()
  await listed
  await expect(recipe).toBeVisible()
  await dialog.getByRole('button', { name: 'Open', exact: true }).click()
  await expect(page.getByText('Not found: ').first()).toBeVisible()
})
