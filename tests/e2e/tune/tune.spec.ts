import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { projectSchema } from '../../../src-main/contract/document/project'
import type { Studio } from '../support/pages/studio'
import { expect, expectAccessible, test } from '../support/studio-test'

/** The demo with six more specialists: they need not exist to be weighed. */
async function openMany(studio: Studio): Promise<string[]> {
  const { project } = await studio.ask('project.demo', {})
  const { path } = project.models[1]!
  const others = Array.from({ length: 6 }, (_, index) => ({ path: `${path}-${index}`, name: `other ${index}` }))
  await studio.ask('project.edit', { edits: [{ type: 'add-models', models: others }], label: 'Six more' })
  return [...project.models, ...others].map(({ name }) => name)
}

const projectOf = async (studio: Studio) => (await studio.ask('app.snapshot', {})).project.project

test('twelve specialists, their base and the pictures fit a window of 1280 × 800', async ({ studio, page }) => {
  await page.setViewportSize({ width: 1280, height: 800 })
  const names = await openMany(studio)
  await studio.goTo('Tune')
  for (const name of names) await expect(studio.tune.slider(name)).toBeInViewport({ ratio: 1 })
  await expect(studio.tune.live).toBeInViewport({ ratio: 1 })
  const [head, button] = [
    page.getByText('drop', { exact: true }),
    studio.tune.row(names[1]!).getByRole('button').last(),
  ]
  const [above, below] = [(await head.boundingBox())!, (await button.boundingBox())!]
  expect(Math.abs(above.x + above.width / 2 - below.x - below.width / 2), 'a head over its buttons').toBeLessThan(2)
  await expect(page.getByRole('rowheader', { name: 'BASE', exact: true })).toHaveCount(0)
  await expectAccessible(studio, 'Tune, twelve specialists')
})

test('all sliders of the demo fit a window of 960 × 600', async ({ studio, page }) => {
  await page.setViewportSize({ width: 960, height: 600 })
  const { project } = await studio.ask('project.demo', {})
  await studio.goTo('Tune')
  for (const { name } of project.models) await expect(studio.tune.slider(name)).toBeInViewport({ ratio: 1 })
})

test('a weight beyond the scale stretches it; one specialist alone, and all again', async ({ studio }) => {
  const { project } = await studio.ask('project.demo', {})
  const [, first, second] = project.models.map(({ name }) => name) as [string, string, string]
  await studio.goTo('Tune')
  await studio.tune.weight(first).fill('3.5')
  await studio.tune.weight(first).press('Enter')
  await expect(studio.tune.slider(first)).toHaveAttribute('max', '4')
  await expect(studio.tune.slider(first)).toHaveValue('3.5')
  await studio.tune.drop(second)
  await studio.tune
    .row(first)
    .getByRole('button', { name: `Only ${first}` })
    .click()
  const enabled = async (): Promise<string[]> =>
    (await projectOf(studio)).models.filter(({ enabled }) => enabled).map(({ name }) => name)
  await expect.poll(enabled).toEqual([project.models[0]!.name, first])
  await studio.tune.row(first).getByRole('button', { name: 'All specialists again' }).click()
  await expect.poll(enabled).toEqual(project.models.map(({ name }) => name).filter((name) => name !== second))
})

test('a slider stands on steps, by the pointer and by keys, and a move asks the host for nothing but itself', async ({
  studio,
  page,
}) => {
  const { project } = await studio.ask('project.demo', {})
  const slider = studio.tune.slider(project.models[1]!.name)
  await studio.goTo('Tune')
  await page.waitForLoadState('networkidle')
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url().split('/').at(-1)!))
  const { x, y, width, height } = (await slider.boundingBox())!
  await page.mouse.move(x + width / 2, y + height / 2)
  await page.mouse.down()
  await page.mouse.move(x + width * 0.7, y + height / 2, { steps: 8 })
  await page.mouse.up()
  const dragged = Number(await slider.inputValue())
  expect(dragged).toBeGreaterThan(1.2)
  expect(Math.abs(dragged * 20 - Math.round(dragged * 20))).toBeLessThan(1e-9)
  const keys = { ArrowLeft: -0.05, 'Shift+ArrowLeft': -0.5, PageUp: 0.5 }
  for (const key of Object.keys(keys)) await slider.press(key)
  const expected = Object.values(keys).reduce((sum, by) => sum + by, dragged)
  await expect(slider).toHaveValue(String(Number(expected.toFixed(6))))
  await expect.poll(async () => (await projectOf(studio)).models[1]!.weight).toBeCloseTo(expected, 6)
  expect(new Set(asked)).toEqual(new Set(['project.edit']))
  // The drag is one step, every key is one.
  for (const _ of [...Object.keys(keys), 'drag']) await page.keyboard.press('Control+z')
  await expect(slider).toHaveValue('1')
})

test('Ctrl+Z after a committed number undoes the project, and the field shows it', async ({ studio, page }) => {
  const { project } = await studio.ask('project.demo', {})
  const { name } = project.models[1]!
  await studio.goTo('Tune')
  const field = studio.tune.weight(name)
  await field.fill('0.5')
  await field.press('Enter')
  await expect(studio.tune.slider(name)).toHaveValue('0.5')
  await page.keyboard.press('Control+z')
  await expect(studio.tune.slider(name)).toHaveValue('1')
  await expect(field).toHaveValue('1')

  // What nobody has taken yet is the field's own.
  await field.pressSequentially('7')
  await page.keyboard.press('Control+z')
  expect((await studio.ask('app.snapshot', {})).project.undo).toBeNull()
  await page.keyboard.press('Escape')
})

test('Ctrl+Z after choosing a method or a switch undoes it', async ({ studio, page }) => {
  await studio.ask('project.demo', {})
  await studio.goTo('Tune')
  await studio.tune.method.selectOption({ label: 'TIES' })
  await page.keyboard.press('Control+z')
  await expect(studio.tune.method).toHaveValue('featurefusion')
  await studio.tune.openSettings()
  const align = page.getByRole('switch', { name: 'Align specialists first' })
  await align.check({ force: true })
  await page.keyboard.press('Control+z')
  await expect(align).not.toBeChecked()
})

test('weighted sum begins with shares that add up, and says so where they do not', async ({ studio }) => {
  const { project } = await studio.ask('project.demo', {})
  const [base, first] = project.models.map(({ name }) => name) as [string, string]
  await studio.goTo('Tune')
  await studio.tune.method.selectOption({ label: 'Weighted sum' })
  await expect(studio.tune.row(base)).toContainText('14')
  await expect.poll(async () => (await projectOf(studio)).models[1]!.weight).toBeCloseTo(1 / 7, 3)
  await studio.tune.method.selectOption({ label: 'FeatureFusion' })
  await expect.poll(async () => (await projectOf(studio)).models[1]!.weight).toBeCloseTo(1, 2)
  await studio.tune.method.selectOption({ label: 'Weighted sum' })
  await studio.tune.weight(first).fill('3')
  await studio.tune.weight(first).press('Enter')
  const notice = studio.page.getByRole('note').filter({ hasText: 'The weights add up to more than 1' })
  await expect(notice).toContainText('the base would get −')
  await notice.getByRole('button', { name: 'Make them add up' }).click()
  await expect(notice).toBeHidden()
})

test('the paper’s normaliser keeps the automatic threshold, and warns of none', async ({ studio, page }) => {
  await studio.ask('project.demo', {})
  await studio.goTo('Tune')
  await studio.tune.openSettings()
  await page.getByRole('radio', { name: 'paper' }).click()
  await expect
    .poll(async () => (await projectOf(studio)).method)
    .toMatchObject({ normaliser: 'paper', threshold: 'auto' })
  const notice = page.getByRole('note').filter({ hasText: 'Without a threshold' })
  await expect(notice).toBeHidden()
  const { method } = await projectOf(studio)
  const { threshold: _threshold, ...rest } = method
  await studio.ask('project.edit', { edits: [{ type: 'set-method', method: rest }], label: 'No threshold' })
  await notice.getByRole('button', { name: 'Correlation threshold: automatic' }).click()
  await expect(notice).toBeHidden()
})

test('parts and VAE are chosen in Tune, and said in Export', async ({ studio, server, page }) => {
  const { project } = await studio.ask('project.demo', {})
  // The demo's specialists are UNets alone; a whole model has a text encoder, too.
  const path = join(server.folder, 'whole')
  await cp(project.models[0]!.path, path, { recursive: true })
  await studio.ask('project.edit', { edits: [{ type: 'add-models', models: [{ path }] }], label: 'Add a whole model' })
  await studio.goTo('Tune')
  await studio.tune.openSettings()
  await page.getByRole('checkbox', { name: 'text encoder' }).check()
  await expect.poll(async () => (await projectOf(studio)).output.include).toEqual(['unet', 'text_encoder'])
  await studio.goTo('Export')
  await expect(page.getByText('UNet and text encoder; VAE of the base')).toBeVisible()
  await page.getByRole('button', { name: 'Change in Tune' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Tune' })).toBeVisible()
})

test('pictures are pinned, and seen while A is held', async ({ studio, page }) => {
  const { project } = await studio.ask('project.demo', {})
  const preview = projectSchema.shape.preview.parse({
    ...project.preview,
    prompts: project.preview.prompts.slice(0, 1),
    seeds: [1],
    steps: 2,
  })
  await studio.ask('project.edit', { edits: [{ type: 'set-preview', preview }], label: 'Fewer steps' })
  await studio.goTo('Tune')
  await studio.tune.turnLive(true)
  const before = await studio.tune.livePictures()
  await studio.tune.live.getByRole('button', { name: 'Pin as A' }).click()
  await expect(studio.tune.live.getByRole('button', { name: 'Hold to see A' })).toBeVisible()
  await studio.tune.drop(project.models[1]!.name)
  await studio.tune.livePictures(before)
  await page.keyboard.down('a')
  await expect(studio.tune.live.getByRole('img', { name: /^A: / })).toBeVisible()
  await expect(studio.tune.live.getByRole('img', { name: /^Live: / })).toBeHidden()
  await page.keyboard.up('a')
  await studio.tune.live.getByRole('img', { name: /^Live: / }).click()
  const dialog = page.getByRole('dialog', { name: 'Live picture' })
  await expect(dialog.getByRole('img')).toHaveCount(2)
  await expectAccessible(studio, 'a live picture in large')
})

test('weights by block are painted, set with keys, drawn and taken from presets', async ({ studio, page }) => {
  const { project } = await studio.ask('project.demo', {})
  const { blocks } = await studio.ask('models.layers', {})
  const [, first, second] = project.models.map(({ name }) => name) as [string, string, string]
  await studio.goTo('Tune')
  const panel = page.getByRole('region', { name: 'Weights by block' })
  const blocksOf = async (name: string) => (await projectOf(studio)).models.find((model) => model.name === name)!.blocks

  await test.step('painted by dragging over two models: one step of undo', async () => {
    const from = panel.getByRole('gridcell', { name: `${blocks[1]}, ${first}:` })
    const to = panel.getByRole('gridcell', { name: `${blocks[1]}, ${second}:` })
    await to.scrollIntoViewIfNeeded()
    await from.hover()
    await page.mouse.down()
    const { x, y, width, height } = (await to.boundingBox())!
    await page.mouse.move(x + width / 2, y + height / 2, { steps: 4 })
    await page.mouse.up()
    for (const name of [first, second]) await expect.poll(() => blocksOf(name)).toEqual({ [blocks[1]!]: 0.5 })
    await studio.undo.click()
    for (const name of [first, second]) await expect.poll(() => blocksOf(name)).toEqual({})
  })

  await test.step('set with keys', async () => {
    const cell = panel.getByRole('gridcell', { name: `${blocks[2]}, ${first}:` })
    await cell.focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('+')
    await expect.poll(() => blocksOf(first)).toEqual({ [blocks[2]!]: 0.55 })
    await page.keyboard.press('Delete')
    await expect.poll(() => blocksOf(first)).toEqual({})
  })

  await test.step('drawn as a curve', async () => {
    const curve = panel.getByRole('img', { name: `Weights of ${first} by block` })
    const { x, y, width, height } = (await curve.boundingBox())!
    await page.mouse.move(x + 2, y + height - 1)
    await page.mouse.down()
    await page.mouse.move(x + width - 2, y + 1, { steps: 6 })
    await page.mouse.up()
    await expect.poll(async () => Object.keys(await blocksOf(first)).sort()).toEqual([...blocks].sort())
    await studio.undo.click()
    await expect.poll(() => blocksOf(first)).toEqual({})
  })

  await test.step('a preset of the field; a list that fits no such network is refused', async () => {
    await panel.getByRole('combobox', { name: 'Preset of block weights' }).selectOption({ label: 'GRAD_A' })
    await expect.poll(async () => (await blocksOf(first))['M00']).toBe(1)
    await panel.getByRole('button', { name: 'More about weights by block' }).click()
    await page.getByRole('menuitem', { name: 'Paste or keep as text…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Block weights as text' })
    await dialog.getByRole('textbox', { name: 'Weights', exact: true }).fill('1,0,1')
    await expect(dialog.getByRole('status')).toContainText('3 numbers fit no list')
    await expect(dialog.getByRole('button', { name: 'Apply to' })).toBeDisabled()
    await expectAccessible(studio, 'block weights as text')

    await dialog.getByRole('textbox', { name: 'Weights', exact: true }).fill('LOW:' + blocks.map(() => 0.25).join(','))
    await dialog.getByRole('button', { name: 'Keep as a preset' }).click()
    await panel.getByRole('combobox', { name: 'Preset of block weights' }).selectOption({ label: 'LOW' })
    await expect.poll(async () => (await blocksOf(first))['BASE']).toBe(0.25)
  })
  for (const theme of ['dark', 'light'] as const) {
    await studio.setTheme(theme)
    await expectAccessible(studio, `weights by block, ${theme}`)
  }
})

test('states are kept with a picture, restored as one step of undo, renamed and removed', async ({
  studio,
  page,
  server,
}) => {
  const { project } = await studio.ask('project.demo', {})
  const [, first, second] = project.models.map(({ name }) => name) as [string, string, string]
  const preview = { ...project.preview, prompts: project.preview.prompts.slice(0, 1), seeds: [1], steps: 2 }
  await studio.ask('project.edit', { edits: [{ type: 'set-preview', preview }], label: 'Fewer steps' })
  await studio.goTo('Tune')
  await studio.tune.turnLive(true)
  await studio.tune.livePictures()
  const row = page.getByRole('region', { name: 'Snapshots' })
  await row.getByRole('button', { name: 'Keep this state' }).click()
  const restore = row.getByRole('button', { name: 'Restore State 1' })
  await expect(restore).toHaveAttribute('aria-current', 'true')
  await studio.tune.turnLive(false)
  const kept = async () => (await projectOf(studio)).snapshots
  expect((await kept())[0]!.picture).toMatch(/^data:image\/jpeg;base64,/)

  await studio.tune.weight(first).fill('0.25')
  await studio.tune.weight(first).press('Enter')
  await studio.tune.drop(second)
  await studio.tune.method.selectOption({ label: 'Soup' })
  await expect(restore).not.toHaveAttribute('aria-current', 'true')
  await row.getByRole('button', { name: 'Keep this state' }).click()
  await restore.click()
  await expect(studio.tune.weight(first)).toHaveValue('1')
  await expect(studio.tune.method).toHaveValue('featurefusion')
  await expect(studio.undo).toHaveAccessibleName(/Restore State 1/)
  await studio.undo.click()
  await expect(studio.tune.weight(first)).toHaveValue('0.25')
  await expectAccessible(studio, 'Tune with snapshots')

  await row.getByRole('button', { name: 'More about State 2' }).click()
  await page.getByRole('menuitem', { name: 'Rename' }).click()
  await row.getByRole('textbox', { name: 'New name of State 2' }).fill('soup of five')
  await page.keyboard.press('Enter')
  await expect(row.getByRole('button', { name: 'Restore soup of five' })).toBeVisible()
  const path = join(server.folder, 'kept.fusion.json')
  await studio.ask('project.save', { path })
  await row.getByRole('button', { name: 'More about State 1' }).click()
  await page.getByRole('menuitem', { name: 'Remove' }).click()
  await expect.poll(async () => (await kept()).map(({ name }) => name)).toEqual(['soup of five'])
  await studio.ask('project.open', { path })
  await expect.poll(async () => (await kept()).map(({ name }) => name)).toEqual(['State 1', 'soup of five'])
})
