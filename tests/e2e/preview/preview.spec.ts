import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DEFAULT_VARIANTS, variantLabel, type Variant } from '../../../src-main/contract/values/variant'
import type { Studio } from '../support/pages/studio'
import { expect, expectAccessible, test } from '../support/studio-test'

/** One small picture of each column. */
async function openDemo(studio: Studio, steps = 2): Promise<void> {
  await studio.ask('project.demo', {})
  const { preview } = (await studio.ask('app.snapshot', {})).project.project
  const few = { ...preview, prompts: ['pizza'], seeds: [3], steps }
  await studio.ask('project.edit', { label: 'Few', edits: [{ type: 'set-preview', preview: few }] })
  await studio.goTo('Preview')
}

async function previewJobs(studio: Studio): Promise<string[]> {
  const { jobs } = await studio.ask('jobs.list', {})
  return jobs.flatMap(({ id, kind, endedAt }) => (kind === 'preview' && endedAt === null ? [id] : []))
}

test('a reload while drawing keeps the cells and the choice; drawing again queues nothing twice', async ({
  studio,
  page,
}) => {
  await openDemo(studio, 900)
  await studio.preview.variant('plain average').check()
  await studio.preview.draw.click()
  await expect(studio.preview.waiting).toHaveCount(3)
  await page.reload()
  await expect(studio.preview.waiting).toHaveCount(3)
  await expect(studio.preview.column('plain average')).toBeVisible()
  await expect(studio.preview.variant('plain average')).toBeChecked()
  const before = await previewJobs(studio)
  expect(before).toHaveLength(1)
  await studio.preview.draw.click()
  await expect(page.getByText('These pictures are being drawn already.')).toBeVisible()
  expect(await previewJobs(studio)).toEqual(before)
  await studio.ask('jobs.cancel', { id: before[0]! })
  await expect(studio.preview.waiting).toHaveCount(0)
  await expect(page.getByRole('img', { name: 'not drawn' })).toHaveCount(3)
})

test('the last merge is offered once there is another one', async ({ studio }) => {
  await openDemo(studio, 1)
  await expect(studio.preview.variant('this merge')).toBeChecked()
  await studio.preview.draw.click()
  await expect(studio.preview.picture('merge')).toBeVisible({ timeout: 60_000 })
  await expect(studio.preview.variant('the last merge')).toHaveCount(0)
  const { models } = (await studio.ask('app.snapshot', {})).project.project
  const model = { ...models[1]!, weight: 0.5 }
  await studio.ask('project.edit', { label: 'Weigh', edits: [{ type: 'set-model', name: model.name, model }] })
  await studio.preview.variant('the last merge').check()
  await studio.preview.draw.click()
  await expect(studio.preview.picture('the last merge')).toBeVisible({ timeout: 60_000 })
})

test('many columns scroll in their frame, beside the heads of their rows; the view stays', async ({ studio, page }) => {
  await openDemo(studio, 900)
  const { project } = (await studio.ask('app.snapshot', {})).project
  const names = project.models.slice(1).map(({ name }) => name)
  const variants: Variant[] = [
    ...DEFAULT_VARIANTS,
    ...names.flatMap((name): Variant[] => [
      { type: 'model', name },
      { type: 'without', name },
    ]),
  ]
  const prompts = ['pizza', 'taco', 'lion', 'penguin']
  const preview = { ...project.preview, prompts, seeds: [3], steps: 900 }
  await studio.ask('project.edit', { label: 'Many', edits: [{ type: 'set-preview', preview }] })
  const { job } = await studio.ask('preview.run', { variants })
  const last = studio.preview.column(variantLabel(variants.at(-1)!))
  const lastRow = page.getByRole('rowheader', { name: /^penguin/ })
  await expect(last).not.toBeInViewport()
  const tabs = page.getByRole('radiogroup', { name: 'What is drawn' })
  const before = await tabs.boundingBox()
  await page.getByRole('region', { name: 'Pictures', exact: true }).evaluate((frame) => frame.scrollTo(9999, 9999))
  await expect(last).toBeInViewport({ ratio: 1 })
  await expect(lastRow).toBeInViewport({ ratio: 1 })
  expect(await tabs.boundingBox()).toEqual(before)
  const view = page.getByRole('main').locator('.view-body')
  expect(await view.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBe(0)
  await studio.ask('jobs.cancel', { id: job.id })
})

test('seeds are read with ranges, and rubbish is named', async ({ studio }) => {
  await openDemo(studio)
  const seeds = async (): Promise<unknown> => (await studio.ask('app.snapshot', {})).project.project.preview.seeds
  await studio.preview.seeds.fill('1, 2-3, x')
  await studio.preview.seeds.press('Enter')
  await expect(studio.preview.seeds).toHaveAccessibleDescription(/“x” is no seed/)
  await expect(studio.preview.seeds).toHaveValue('1, 2-3, x')
  expect(await seeds()).toEqual([3])
  await expectAccessible(studio, 'Preview with a wrong seed')
  await studio.preview.seeds.fill('1, 5-7')
  await studio.preview.seeds.press('Enter')
  await expect.poll(seeds).toEqual([1, 5, 6, 7])
  await expect(studio.preview.seeds).toHaveValue('1, 5-7')
  await expect(studio.preview.seeds).toHaveAccessibleDescription('Numbers and ranges: 1, 5-8')
})

test('steps beyond what a scheduler takes are refused in the form', async ({ studio, page }) => {
  await openDemo(studio, 60)
  await page.getByRole('combobox', { name: 'Scheduler' }).selectOption({ label: 'LCM' })
  await expect(studio.preview.steps).toHaveAccessibleDescription(/1 to 50/)
  await expect(studio.preview.draw).toBeDisabled()
  await studio.preview.steps.fill('4')
  await studio.preview.steps.press('Enter')
  await expect(studio.preview.draw).toBeEnabled()
})

test('pictures of other weights are dimmed and said, and their settings bring the weights back', async ({
  studio,
  page,
}) => {
  await openDemo(studio)
  await studio.preview.draw.click()
  await expect(studio.preview.picture('merge')).toBeVisible({ timeout: 60_000 })
  await expect(studio.step('Preview')).toContainText('2 pictures')
  const { project } = (await studio.ask('app.snapshot', {})).project
  const [, first, second] = project.models
  await studio.ask('project.edit', {
    label: 'Weigh',
    edits: [
      { type: 'set-model', name: first!.name, model: { ...first!, weight: 0.25, blocks: { M00: 0 } } },
      { type: 'set-model', name: second!.name, model: { ...second!, enabled: false } },
      { type: 'set-method', method: { ...project.method, name: 'soup' } },
    ],
  })
  await expect(page.getByText('Drawn with other weights than the merge has now')).toBeVisible()
  await expect(studio.preview.pictureButton('merge')).toHaveAttribute('title', 'Drawn with other weights')
  await expect(studio.preview.pictureButton('base')).not.toHaveAttribute('title')
  await expect(studio.step('Preview')).toContainText('other weights')
  await expectAccessible(studio, 'Preview of other weights')

  await studio.preview.pictureButton('merge').click()
  await expect(studio.preview.comparison).toContainText(`${first!.name} 1`)
  await page.getByRole('button', { name: 'Use these settings' }).click()
  await expect(page.getByText('Drawn with other weights')).toHaveCount(0)
  // The window shows an edit before the host has it.
  const state = async () => (await studio.ask('app.snapshot', {})).project
  await expect.poll(async () => (await state()).undo).toBe('Use the settings of a picture')
  const now = await state()
  expect(now.project.models).toEqual(project.models)
  expect(now.project.method).toEqual(project.method)
})

test('pictures of one project do not appear in another, and are there again in theirs', async ({
  studio,
  server,
  page,
}) => {
  await openDemo(studio)
  await studio.preview.draw.click()
  await expect(studio.preview.picture('merge')).toBeVisible({ timeout: 60_000 })
  const { models } = (await studio.ask('app.snapshot', {})).project.project

  await studio.ask('project.new', {})
  await expect(studio.step('Preview')).toContainText('no pictures')
  await expect(studio.preview.pictures).toHaveCount(0)
  // A project with another base, of which the first one was a specialist.
  const path = join(server.folder, 'other.fusion.json')
  const others = [models[2]!, models[0]!].map((model) => ({ name: model.name, path: model.path }))
  await writeFile(path, JSON.stringify({ format: 'featurefusion-project', version: 1, models: others }))
  await studio.ask('project.open', { path })
  await expect(studio.step('Models')).toContainText('2 models')
  await expect(studio.step('Preview')).toContainText('no pictures')
  await page.reload()
  await expect(studio.step('Preview')).toContainText('no pictures')

  await openDemo(studio)
  await expect(studio.preview.picture('merge')).toBeVisible()
})

test('columns are chosen in groups', async ({ studio, page }) => {
  await openDemo(studio)
  await page.getByRole('button', { name: 'Models: all' }).click()
  const { models } = (await studio.ask('app.snapshot', {})).project.project
  for (const { name } of models) await expect(studio.preview.variant(name)).toBeChecked()
  await expect(page.getByText(`${models.length + 1} pictures to draw`)).toBeVisible()
  await page.getByRole('button', { name: 'Models: none' }).click()
  await expect(page.getByText('1 picture to draw')).toBeVisible()
  await expect(page.getByRole('group', { name: 'Models' })).not.toContainText('base base')
  await expect(page.getByRole('textbox', { name: 'Negative prompt' })).toBeVisible()
})

test('seeds are rolled; prompts and styles are kept in the project, and drawn', async ({ studio, page }) => {
  await openDemo(studio)
  const preview = async () => (await studio.ask('app.snapshot', {})).project.project.preview
  await page.getByRole('button', { name: 'Roll new seeds' }).click()
  await expect.poll(async () => (await preview()).seeds).not.toEqual([3])
  const rolled = (await preview()).seeds
  await page.getByRole('checkbox', { name: 'New seeds with every draw' }).check()

  await page.getByText('Lists and styles').click()
  await page.getByRole('textbox', { name: 'New name' }).fill('fruit')
  await page.getByRole('button', { name: 'Keep prompts' }).click()
  await studio.preview.prompts.fill('lion')
  await page.getByRole('textbox', { name: 'New name' }).fill('sketched')
  await page.getByRole('button', { name: 'Add style' }).click()
  await page.getByRole('textbox', { name: 'Before the prompt' }).fill('a sketch of')
  await page.getByRole('textbox', { name: 'Before the prompt' }).press('Enter')
  await page.getByRole('combobox', { name: 'Prompt list' }).selectOption('fruit')
  await expect(studio.preview.prompts).toHaveValue('pizza')
  await expectAccessible(studio, 'Preview with lists and styles')

  await studio.preview.draw.click()
  const drawn = studio.preview.picture('merge')
  await expect(drawn).toHaveAccessibleName(/: a sketch of pizza, seed/, { timeout: 60_000 })
  expect((await preview()).seeds).not.toEqual(rolled)
  expect((await preview()).book).toMatchObject({ lists: [{ name: 'fruit', prompts: ['pizza'] }], style: 'sketched' })
})
