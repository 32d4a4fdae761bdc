import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, expectAccessible, test } from '../support/studio-test'

test('a summary first: a sentence, blocks in large cells, the network as a U, layers under short names', async ({
  studio,
  page,
}) => {
  const { project } = await studio.ask('project.demo', {})
  const names = project.models.slice(1).map(({ name }) => name)
  const { layers } = await studio.ask('models.layers', {})
  const { inspect } = studio
  await studio.goTo('Inspect')
  await inspect.compute.click()
  await expect(inspect.progress(layers.length)).toBeVisible({ timeout: 60_000 })

  await test.step('the sentence says who moves most, and where', async () => {
    await expect(inspect.sentence).toHaveText(/ most, most of all in (IN|OUT|M)\d\d \(\d+\s% of its size\); /)
    await expect(inspect.sentence).toContainText('no conflict')
  })

  await test.step('the block of embeddings is not called like the base model', async () => {
    await expect(inspect.row('embeddings')).toBeVisible()
    await expect(inspect.blocks.getByText('BASE', { exact: true })).toHaveCount(0)
  })

  await test.step('cells, readout and legend have one unit', async () => {
    const cell = inspect.row('IN01').getByRole('cell').first()
    await expect(cell).toHaveText(/^\d+\s%$/)
    await cell.hover()
    await expect(inspect.readout).toContainText(`${names[0]} · change: ${(await cell.textContent())!.trim()}`)
    await expect(inspect.legend).toHaveText(/0\s% unchanged.*most changed \d+\s%/s)
  })

  await test.step('the legend stands below the table, however large the window', async () => {
    const before = page.viewportSize()!
    await page.setViewportSize({ width: 1920, height: 1080 })
    const [table, legend] = [await inspect.blocks.boundingBox(), await inspect.legend.boundingBox()]
    expect(legend!.y - (table!.y + table!.height)).toBeLessThan(40)
    await page.setViewportSize(before)
  })

  await test.step('layers whose names begin alike are told apart', async () => {
    await inspect.openBlock('embeddings')
    for (const end of ['.linear_1', '.linear_2']) {
      const shown = inspect.row(`time_embedding${end}`).getByText(end, { exact: true })
      expect(await shown.evaluate((text) => text.scrollWidth - text.getBoundingClientRect().width)).toBeLessThan(1)
      await expect(shown).toBeInViewport({ ratio: 1 })
    }
    await inspect.openBlock('embeddings')
  })

  await test.step('a block opens its layers, a layer its matrices', async () => {
    await inspect.openBlock('IN01')
    await expect(inspect.row('attn2.to_k').getByRole('cell')).toHaveCount(names.length)
    await inspect.openBlock('attn2.to_k')
    await expect(inspect.details).toContainText('attn2.to_k.weight')
    await page.getByRole('button', { name: 'The network' }).click()
    await inspect.drawing.getByRole('button', { name: /^IN02/ }).click()
    await expect(inspect.row('IN02').getByRole('button')).toHaveAttribute('aria-expanded', 'true')
    await inspect.openBlock('IN02')
  })

  await test.step('what survives follows the weights; a conflict has its opponent', async () => {
    await inspect.show('What survives')
    const own = inspect.row('Whole network').getByRole('cell').first()
    const before = Number(await own.textContent())
    expect(before).toBeGreaterThan(0.2)
    await expect(inspect.details).toContainText('of FeatureFusion itself it is not computed')
    const model = { ...project.models[1]!, weight: 2 }
    await studio.ask('project.edit', { edits: [{ type: 'set-model', name: model.name, model }], label: 'Weigh' })
    await expect.poll(async () => Number(await own.textContent())).toBeGreaterThan(before)
    await inspect.show('Conflict')
    await inspect.row('IN01').getByRole('cell').first().hover()
    await expect(inspect.readout).toHaveText(new RegExp(`${names[0]} · conflict with (${names.join('|')}): `))
    await expectAccessible(studio, 'Inspect, conflicts')
  })

  await test.step('the most changed block first', async () => {
    await inspect.show('Change')
    await page.getByRole('combobox', { name: 'Order' }).selectOption('change')
    const most = /in ((IN|OUT|M)\d\d) /.exec((await inspect.sentence.textContent())!)![1]!
    await expect(inspect.blocks.getByRole('rowheader').nth(1)).toContainText(most)
  })

  await test.step('the last column is in sight in small windows', async () => {
    for (const size of [
      { width: 960, height: 600 },
      { width: 1280, height: 800 },
    ]) {
      await page.setViewportSize(size)
      const edge = await page.getByRole('complementary', { name: 'Layer details' }).boundingBox()
      for (const rows of ['Blocks', 'Layers'] as const) {
        await inspect.rows(rows)
        const last =
          rows === 'Blocks'
            ? await inspect.row('Whole network').getByRole('cell').last().boundingBox()
            : await inspect.overview.boundingBox()
        expect(last!.x + last!.width, `${rows} in ${size.width} pixels`).toBeLessThanOrEqual(edge!.x)
      }
      // The cursor reaches the last column inside the canvas.
      await inspect.overview.focus()
      await inspect.overview.press('Home')
      for (const _ of names) await inspect.overview.press('ArrowRight')
      const cell = JSON.parse((await inspect.overview.getAttribute('data-cursor'))!) as { x: number }
      expect(cell.x).toBeLessThan((await inspect.overview.boundingBox())!.width)
    }
  })
})

test('the map is shown for its own models alone, and nothing that fails takes it away', async ({
  studio,
  server,
  page,
}) => {
  const { project } = await studio.ask('project.demo', {})
  const { layers } = await studio.ask('models.layers', {})
  const { inspect } = studio
  await studio.goTo('Inspect')
  await inspect.compute.click()
  await expect(inspect.progress(layers.length)).toBeVisible({ timeout: 60_000 })
  const step = page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: /^Inspect/ })
  await expect(step).toContainText(`${layers.length} layers`)

  await test.step('a cancelled computation keeps the old map', async () => {
    await inspect.compute.click()
    await expect(inspect.row('Whole network')).toBeVisible()
    const { jobs } = await studio.ask('jobs.list', {})
    const running = jobs.find(({ kind, endedAt }) => kind === 'inspect' && endedAt === null)
    if (running) await studio.ask('jobs.cancel', { id: running.id })
    await expect(inspect.compute).toBeEnabled()
    await expect(inspect.progress(layers.length)).toBeVisible()
    expect((await studio.ask('inspect.rows', {})).complete).toBe(true)
  })

  await test.step('another family and an empty project show nothing of it', async () => {
    const folder = join(server.folder, 'other')
    const base = project.models[0]!.path
    await cp(base, folder, { recursive: true })
    expect(await readdir(folder)).not.toHaveLength(0)
    await studio.ask('project.new', {})
    await expect(step).toContainText('not computed')
    await studio.ask('project.edit', {
      edits: [{ type: 'add-models', models: [{ path: folder }, { path: project.models[1]!.path }] }],
      label: 'Another family',
    })
    await expect(page.getByText('Not computed yet')).toBeVisible()
    await expect(step).toContainText('not computed')
  })

  await test.step('with its own models it is back, also after a reload', async () => {
    await studio.ask('project.demo', {})
    await expect(inspect.progress(layers.length)).toBeVisible()
    await page.reload()
    await studio.goTo('Inspect')
    await expect(inspect.row('Whole network')).toBeVisible()
  })

  await test.step('a specialist that takes no part has no column; one that is new is missed', async () => {
    const model = { ...project.models[1]!, enabled: false }
    await studio.ask('project.edit', { edits: [{ type: 'set-model', name: model.name, model }], label: 'Drop' })
    await expect(inspect.row('Whole network').getByRole('cell')).toHaveCount(project.models.length - 2)
    await expect(page.getByText('The models have changed since')).toHaveCount(0)
  })
})

test('where all specialists are dropped, it leads to Tune', async ({ studio, page }) => {
  const { project } = await studio.ask('project.demo', {})
  const edits = project.models
    .slice(1)
    .map((model) => ({ type: 'set-model' as const, name: model.name, model: { ...model, enabled: false } }))
  await studio.ask('project.edit', { label: 'Drop all', edits })
  await studio.goTo('Export')
  await expect(page.getByRole('button', { name: 'Go to Tune' })).toBeVisible()
  await studio.goTo('Inspect')
  await page.getByRole('button', { name: 'Go to Tune' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Tune' })).toBeVisible()
})
