import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { setMetadata } from '../support/safetensors-data'
import { expect, expectAccessible, test } from '../support/studio-test'

test('metadata are edited on export, with a picture, and shown whole', async ({ studio, server, page }) => {
  await studio.models.demo.click()
  await expect(studio.shares).toBeVisible()
  const { preview } = (await studio.ask('app.snapshot', {})).project.project
  const few = { ...preview, prompts: preview.prompts.slice(0, 1), steps: 2 }
  await studio.ask('project.edit', { edits: [{ type: 'set-preview', preview: few }], label: 'Fewer' })
  await studio.ask('preview.run', { variants: [{ type: 'merge' }] })
  await studio.goTo('Export')
  await page.getByRole('textbox', { name: 'Author' }).fill('Someone')
  await page.getByRole('textbox', { name: 'Title' }).fill('All of them')
  const choose = page.getByRole('button', { name: 'Choose a picture' })
  await expect(choose).toBeEnabled({ timeout: 60_000 })
  await choose.click()
  const dialog = page.getByRole('dialog', { name: 'Choose the thumbnail' })
  await expectAccessible(studio, 'the choice of a thumbnail')
  await dialog
    .getByRole('button', { name: /^merge: / })
    .first()
    .click()
  await expect(page.getByRole('img', { name: 'Thumbnail of the export' })).toBeVisible()
  await studio.export.exportTo(server.folder, 'merged')
  await expect(studio.export.result).toContainText('is written', { timeout: 60_000 })
  await studio.export.result.getByRole('button', { name: 'Add as a model' }).click()
  await studio.models.card('merged').getByRole('button', { name: 'merged', exact: true }).click()
  const family = page.getByRole('region', { name: 'Family' }).getByRole('listitem')
  await expect(family.filter({ hasText: 'featurefusion' }).first()).toContainText('animals')
  const panel = page.getByRole('region', { name: 'Metadata' })
  await panel.getByText('modelspec.author').click()
  await expect(panel.getByText('Someone').last()).toBeVisible()
  await panel.getByText('featurefusion.recipe').click()
  await expect(panel.getByText('"format": "featurefusion-recipe"')).toBeVisible()
  await panel.getByText('modelspec.thumbnail').click()
  await expect(panel.getByRole('img', { name: /^Thumbnail in/ })).toBeVisible()
  await expectAccessible(studio, 'all metadata')
})

test('the family of a file that sd-mecha merged is drawn', async ({ studio, server, page }) => {
  const { project } = await studio.ask('project.demo', {})
  const recipe = ['version 0.1.0', 'model "old/a.safetensors"', 'model "b.safetensors"', 'merge "weighted_sum" &0 &1']
  const path = join(server.folder, 'mixed')
  await cp(project.models[1]!.path, path, { recursive: true })
  await setMetadata(join(path, 'diffusion_pytorch_model.safetensors'), { mecha_recipe: recipe.join('\n') })
  await studio.ask('project.edit', { edits: [{ type: 'add-models', models: [{ path }] }], label: 'Add' })
  await studio.models.card('mixed').getByRole('button', { name: 'mixed', exact: true }).click()
  const family = page.getByRole('region', { name: 'Family' })
  await expect(family.getByRole('listitem').first()).toContainText('weighted_sum')
  await expect(family.getByRole('listitem')).toHaveCount(3)
  await expect(family).not.toContainText('old/')
})
