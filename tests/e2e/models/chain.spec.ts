import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectSchema } from '../../../src-main/contract/document/project'
import { expect, test } from '../support/studio-test'

test('a project is added as a model, and exported as part of another merge', async ({ studio, server, page }) => {
  const at = (name: string): string => join(server.folder, name)
  for (const name of ['base', 'food', 'travel']) cpSync(`resources/demo/${name}`, at(name), { recursive: true })
  const inner = projectSchema.parse({
    ...{ format: 'featurefusion-project', version: 1, method: { name: 'soup' } },
    models: ['base', 'food'].map((name) => ({ name, path: at(name) })),
  })
  writeFileSync(at('both.fusion.json'), JSON.stringify(inner))
  const models = [{ path: at('base') }, { path: at('travel') }]
  await studio.ask('project.edit', { edits: [{ type: 'add-models', models }], label: 'Add models' })

  await page.getByRole('button', { name: 'Add models', exact: true }).click()
  const library = page.getByRole('dialog', { name: 'Add models' })
  await library.getByRole('button', { name: 'Other files, folders or projects' }).click()
  const files = page.getByRole('dialog', { name: 'Add models' }).last()
  await files.getByRole('button', { name: 'both.fusion.json' }).click()
  await files.getByRole('button', { name: 'Open', exact: true }).click()
  await expect(studio.models.card('both')).toContainText('MB')

  await studio.goTo('Export')
  await studio.export.exportTo(server.folder, 'merged')
  await expect(studio.export.result).toContainText('is written', { timeout: 60_000 })
})
