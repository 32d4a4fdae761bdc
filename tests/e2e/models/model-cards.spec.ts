import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { encodePng } from '../../../src-main/engine/image/png'
import { put, putText } from '../../unit/engine/library/library-trees'
import { expect, test } from '../support/studio-test'

test.use({ hasCards: false })

const DRAWING = { timeout: 60_000 }

test('cards show what models draw for the first prompt, out of the way of jobs, once for equal weights', async ({
  studio,
  server,
  page,
}) => {
  const { project } = await studio.ask('project.demo', {})
  const [base, first, ...others] = project.models
  await expect(studio.models.picture(first!.name)).toHaveAccessibleName(/draws “taco”/)
  // A job takes the place of what is drawn, and is not kept waiting.
  const { job } = await studio.ask('models.hash', {})
  const ended = async () => (await studio.ask('jobs.list', {})).jobs.find(({ id }) => id === job.id)?.state
  await expect.poll(ended, DRAWING).toBe('done')
  for (const { name } of [base!, first!, ...others])
    await expect(studio.models.picture(name)).toHaveAccessibleName(`${name} draws “taco”`, DRAWING)
  await expect(page.getByText('Pictures: what each draws for “taco”')).toBeVisible()
  await studio.goTo('Tune')
  await expect(studio.tune.live.getByRole('img')).toHaveCount(others.length + 1)
  await studio.goTo('Models')
  const kept = () => readdir(join(server.root, 'cache', 'featurefusion-cards'))
  const drawn = async () => (await kept()).filter((name) => name.endsWith('.png'))
  const files = await drawn()
  expect(files).toHaveLength(project.models.length)

  // A copy elsewhere is the same model: nothing is drawn again.
  const copy = join(server.folder, 'copy')
  await cp(first!.path, copy, { recursive: true })
  await studio.ask('project.edit', { edits: [{ type: 'add-models', models: [{ path: copy }] }], label: 'Add' })
  await expect(studio.models.picture('copy')).toHaveAccessibleName('copy draws “taco”', DRAWING)
  expect(await drawn()).toEqual(files)

  // Another prompt is another picture, never the one of before.
  const preview = { ...project.preview, prompts: ['pizza'] }
  await studio.ask('project.edit', { edits: [{ type: 'set-preview', preview }], label: 'Prompt' })
  await expect(studio.models.picture(base!.name)).toHaveAccessibleName('base draws “pizza”', DRAWING)
})

test('a model that cannot draw shows the picture beside its file, or its mark', async ({ studio, server, page }) => {
  const png = encodePng({ width: 8, height: 8, channels: 3, data: new Uint8Array(192).fill(200) })
  put(server.folder, 'dream.safetensors')
  putText(server.folder, 'dream.preview.png', Buffer.from(png))
  put(server.folder, 'plain.safetensors')
  const models = ['dream', 'plain'].map((name) => ({ path: join(server.folder, `${name}.safetensors`) }))
  await studio.ask('project.edit', { edits: [{ type: 'add-models', models }], label: 'Add' })
  await expect(studio.models.picture('dream')).toHaveAccessibleName('The picture beside the file of dream')
  const plain = page.getByRole('listitem').filter({ has: page.getByRole('button', { name: 'plain', exact: true }) })
  await expect(plain.getByRole('img')).toHaveCount(0)
})

test('a folder with a unet in it is a model, in the file dialog as well', async ({ studio, server, page }) => {
  const { project } = await studio.ask('project.demo', {})
  const animals = project.models.find(({ name }) => name === 'animals')!
  await cp(animals.path, join(server.folder, 'beasts', 'unet'), { recursive: true })
  await studio.goTo('Models')
  await page.getByRole('button', { name: 'Add models' }).click()
  await page.getByRole('button', { name: 'Other files, folders or projects' }).click()
  const files = page.getByRole('dialog', { name: 'Add models' }).last()
  await files.getByRole('button', { name: /^beasts/ }).click()
  await expect(files.getByRole('button', { name: /^beasts/ })).toContainText('model')
  await files.getByRole('button', { name: 'Open', exact: true }).click()
  await expect(studio.models.card('beasts')).toContainText(/MB|changed/)
  await expect(studio.models.attention).toHaveCount(0)
})
