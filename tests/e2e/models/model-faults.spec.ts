import { cp, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { put, SHAPES } from '../../unit/engine/library/library-trees'
import { writeStranger } from '../support/stranger'
import { expect, expectAccessible, test } from '../support/studio-test'

test('models that cannot be merged are named with their reason, have no share, and go by one press', async ({
  studio,
  server,
  page,
}) => {
  const { project } = await studio.ask('project.demo', {})
  await writeFile(join(server.folder, 'page.safetensors'), '<html>not a model</html>')
  put(server.folder, 'foreign.safetensors', SHAPES.sdxlLora)
  const models = ['page', 'foreign', 'gone'].map((name) => ({ path: join(server.folder, `${name}.safetensors`) }))
  await studio.ask('project.edit', { edits: [{ type: 'add-models', models }], label: 'Add' })

  await expect(studio.models.attention.getByRole('listitem')).toHaveCount(3)
  await expect(studio.models.trouble('page')).toContainText('is a web page (HTML)')
  await expect(studio.models.trouble('gone')).toContainText('is not there')
  await expect(studio.shares).toContainText('gone cannot take part')
  await expect(page.getByRole('button', { name: /^Models/ })).toContainText('problems')
  await expectAccessible(studio, 'Models that need attention')

  await studio.goTo('Export')
  await page.getByRole('button', { name: 'See what to do' }).first().click()
  await expect(page.getByRole('heading', { level: 1, name: 'Models' })).toBeVisible()

  // One that is left out keeps the others from nothing.
  await studio.models.trouble('gone').getByRole('button', { name: 'Leave out' }).click()
  await expect(studio.shares).toContainText('gone dropped')
  await expect(studio.models.attention.getByRole('listitem')).toHaveCount(2)
  await studio.models.attention.getByRole('button', { name: 'Remove all that do not fit' }).click()
  await expect(studio.models.attention).toHaveCount(0)
  await expect(studio.models.cards).toHaveCount(project.models.length + 1)
  await studio.ask('export.forecast', {})
  await studio.undo.click()
  await expect(studio.models.attention.getByRole('listitem')).toHaveCount(2)
})

test('a file that vanished and came back is noticed without a reload, and can be located', async ({
  studio,
  server,
  page,
}) => {
  await studio.ask('project.demo', {})
  const { project } = (await studio.ask('app.snapshot', {})).project
  const [from, to] = [join(server.folder, 'moving'), join(server.folder, 'moved')]
  await cp(project.models.find(({ name }) => name === 'flat')!.path, from, { recursive: true })
  await studio.ask('project.edit', { edits: [{ type: 'add-models', models: [{ path: from }] }], label: 'Add' })
  await expect(studio.models.card('moving')).toContainText('The same weights as flat.')

  await rename(from, to)
  await expect(studio.models.trouble('moving')).toContainText('is not there')
  await expect(studio.shares).toContainText('moving cannot take part')
  await rename(to, from)
  await expect(studio.models.attention).toHaveCount(0)

  await rename(from, to)
  await studio.models.trouble('moving').getByRole('button', { name: 'Locate…' }).click()
  const files = page.getByRole('dialog', { name: 'Add models' })
  await files.getByRole('button', { name: /^moved/ }).click()
  await files.getByRole('button', { name: 'Open', exact: true }).click()
  await expect(studio.models.card('moving')).toContainText('The same weights as flat.')
  await expect(studio.models.attention).toHaveCount(0)
})

test('copies of the same weights are pointed out', async ({ studio, server }) => {
  const { project } = await studio.ask('project.demo', {})
  const { name, path } = project.models[1]!
  const copy = join(server.folder, 'copy')
  await cp(path, copy, { recursive: true })
  await studio.ask('project.edit', { edits: [{ type: 'add-models', models: [{ path: copy }] }], label: 'Add' })
  await expect(studio.models.card('copy')).toContainText(`The same weights as ${name}.`, { timeout: 60_000 })
})

test('weights and numbers of specialists that a method cannot take are said at once', async ({ studio, page }) => {
  const { project } = await studio.ask('project.demo', {})
  const [, first] = project.models
  const tune = page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: /^Tune/ })
  const change = (method: Partial<typeof project.method>, weight: number) =>
    studio.ask('project.edit', {
      edits: [
        { type: 'set-method', method: { ...project.method, ...method } },
        { type: 'set-model', name: first!.name, model: { ...first!, weight } },
      ],
      label: 'Change',
    })
  await studio.goTo('Tune')
  await change({ name: 'soup' }, -1)
  await expect(studio.tune.row(first!.name)).toContainText(`${first!.name} has a negative weight`)
  await expect(tune).toContainText('a negative weight')
  await change({ name: 'slerp' }, 1)
  await expect(page.getByRole('alert')).toContainText('the number of those that take part is 6')
  await expect(tune).toContainText('not so many specialists')
  await expectAccessible(studio, 'Tune with too many specialists')
  await change({}, 1)
  await expect(page.getByRole('alert')).toHaveCount(0)
})

test('a model of another ancestor is warned of before anything is merged; fine-tunes are not', async ({
  studio,
  server,
  page,
}) => {
  const { project } = await studio.ask('project.demo', {})
  const [, first] = project.models
  const stranger = await writeStranger(first!.path, server.folder)
  await studio.ask('project.edit', { edits: [{ type: 'add-models', models: [{ path: stranger }] }], label: 'Add' })

  await expect(studio.models.trouble('stranger')).toContainText('It is no fine-tune of this base', { timeout: 60_000 })
  await expect(studio.models.attention.getByRole('listitem')).toHaveCount(1)
  await expectAccessible(studio, 'Models with a warning')
  for (const { name } of project.models.slice(1)) await expect(studio.models.card(name)).toContainText('% changed')

  await studio.models.trouble('stranger').getByRole('button', { name: 'Merge anyway' }).click()
  await expect(studio.models.attention).toHaveCount(0)
  await expect(studio.models.card('stranger')).toContainText('It is no fine-tune of this base')
  await studio.models.card('stranger').getByRole('button', { name: 'stranger', exact: true }).click()
  await expect(page.getByRole('complementary', { name: 'Model details' })).toContainText('cosine')
})
