import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { colourOf, sequentialScale } from '../../src-main/contract/values/colour-scales'
import { runCli } from './support/studio-server'
import { tensorsOf } from './support/safetensors-data'
import { writeStranger } from './support/stranger'
import { expect, expectAccessible, test } from './support/studio-test'

test.use({ isFirstStart: true })

test('open, inspect, tune, drop one, preview, export, restore', async ({ studio, server, page }) => {
  test.slow() // it walks through everything
  await test.step('the first start opens the demo, with a note; an empty project leads there, too', async () => {
    await expect(studio.models.card('food')).toBeVisible()
    await page.getByRole('complementary', { name: 'Note on this step' }).getByRole('button', { name: 'Got it' }).click()
    await studio.ask('project.new', {})
    await expect(studio.models.demo).toBeVisible()
    await expectAccessible(studio, 'the empty project')
    await studio.models.demo.click()
    await expect(studio.shares).toBeVisible()
  })
  const { project } = (await studio.ask('app.snapshot', {})).project
  const base = project.models[0]!.name
  const specialists = project.models.slice(1).map(({ name }) => name)
  const first = specialists[0]!
  const last = specialists.at(-1)!

  await test.step('every model has a card with what it draws', async () => {
    await expect(studio.models.cards).toHaveCount(project.models.length)
    await expect(studio.models.attention).toHaveCount(0)
    const [prompt] = project.preview.prompts
    for (const name of specialists)
      await expect(studio.models.picture(name)).toHaveAccessibleName(`${name} draws “${prompt}”`, { timeout: 60_000 })
    await expectAccessible(studio, 'Models')
  })

  await test.step('a model of another ancestor is warned of, and removed', async () => {
    const stranger = await writeStranger(project.models[1]!.path, server.folder)
    await studio.ask('project.edit', { edits: [{ type: 'add-models', models: [{ path: stranger }] }], label: 'Add' })
    const trouble = studio.models.trouble('stranger')
    await expect(trouble).toContainText('It is no fine-tune of this base', { timeout: 60_000 })
    await studio.undo.click()
    await expect(studio.models.attention).toHaveCount(0)
  })

  await test.step('inspect: all layers, one of them closely', async () => {
    const { layers } = await studio.ask('models.layers', {})
    await studio.goTo('Inspect')
    await studio.inspect.compute.click()
    await expect(studio.inspect.progress(layers.length)).toBeVisible({ timeout: 60_000 })
    const { models, rows } = await studio.ask('inspect.rows', {})
    expect(models.map(({ name }) => name)).toEqual([base, ...specialists])
    const summary = rows.find(({ layer }) => layer === layers[0]!.name)!
    await expect(studio.inspect.sentence).toContainText('most of all in')

    await studio.inspect.rows('Layers')
    await studio.inspect.chooseFirstLayer(0)
    const change = `${Math.round(summary.deltaNormRatio[0]! * 100)}\u00a0%`
    await expect(studio.inspect.readout).toContainText(`${first} · change: ${change}`)
    await expect(studio.inspect.details).toContainText(layers[0]!.name)
    await expect(studio.inspect.details).toContainText('FeatureFusion mixes')
    await expectAccessible(studio, 'Inspect')

    const theme = (await page.locator('html').getAttribute('data-theme')) as 'dark' | 'light'
    const largest = Math.max(...rows.flatMap(({ deltaNormRatio }) => deltaNormRatio))
    const expected = colourOf(sequentialScale(theme, 0, largest), summary.deltaNormRatio[0]!)
    const cell = JSON.parse((await studio.inspect.overview.getAttribute('data-cursor'))!) as { x: number; y: number }
    expect(`rgb(${(await studio.inspect.pixel(studio.inspect.overview, cell.x, cell.y)).join(' ')})`).toBe(expected)
  })

  await test.step('inspect: a matrix', async () => {
    await studio.inspect.openMatrix()
    await expect(studio.inspect.wholeMatrix).toBeVisible()
    await studio.inspect.matrix.focus()
    await studio.inspect.matrix.press('ArrowRight')
    // A row correlates with itself.
    await expect(studio.inspect.readout).toContainText(`row 0 of ${base}, row 0 of ${base}: 1`)
    await expectAccessible(studio, 'Inspect, a matrix')
  })

  await test.step('tune: a suggestion is marked on the sliders, and taken by a click', async () => {
    const { advice } = await studio.ask('inspect.suggestions', {})
    const [network] = advice
    expect(network).toMatchObject({ block: null, suggested: true })
    const weights = network!.specialists.map(({ name, suggestedWeight }) => [name, suggestedWeight] as const)
    await studio.goTo('Tune')
    await expect(studio.tune.suggestions).toContainText(network!.reason)
    for (const [name] of weights) {
      await expect(studio.tune.slider(name)).toHaveAccessibleDescription(/^Suggested: .*\. .*change of /)
      await expect(studio.tune.weight(name)).toHaveValue('1')
    }
    await studio.tune.applySuggestion()
    for (const [name, weight] of weights) await expect(studio.tune.weight(name)).toHaveValue(String(weight))
    await expect(studio.tune.suggestions).toContainText('No suggestion')
    await studio.undo.click()
    for (const [name] of weights) await expect(studio.tune.weight(name)).toHaveValue('1')
    await expect(studio.tune.suggestions).toContainText(network!.reason)
  })

  await test.step('tune live: pictures follow a slider', async () => {
    // Few steps and pictures: what is drawn is the same, sooner.
    const preview = { ...project.preview, seeds: [1], steps: 8 }
    await studio.ask('project.edit', { edits: [{ type: 'set-preview', preview }], label: 'Fewer pictures' })
    await studio.tune.turnLive(true)
    await expect(studio.tune.live).toContainText('weights are fed into the loaded network')
    const before = await studio.tune.livePictures()
    expect(before).toHaveLength(Math.min(4, preview.prompts.length))
    await expectAccessible(studio, 'Tune with live pictures')
    await studio.tune.slider(first).focus()
    await studio.tune.slider(first).press('End')
    expect(await studio.tune.livePictures(before)).toHaveLength(before.length)
    await expect(studio.tune.live).toContainText(/summed [\d,]+ of [\d,]+ tensors in .* s/)
    await studio.undo.click()
  })

  await test.step('tune: weigh one, drop one, undo and redo', async () => {
    await studio.tune.slider(first).focus()
    await studio.tune.slider(first).press('End')
    await expect(studio.tune.weight(first)).toHaveValue('2')
    await studio.undo.click()
    await expect(studio.tune.weight(first)).toHaveValue('1')
    await studio.tune.weight(first).fill('0.5')
    await studio.tune.weight(first).press('Enter')
    const whole = await studio.tune.livePictures()
    await studio.tune.drop(last)
    await expect(studio.tune.row(last)).toContainText('dropped')
    expect(await studio.tune.livePictures(whole)).toHaveLength(whole.length)
    await studio.undo.click()
    await expect(studio.tune.row(last)).not.toContainText('dropped')
    await studio.redo.click()
    await expect(studio.tune.row(last)).toContainText('dropped')
    await expectAccessible(studio, 'Tune')
    const { models } = (await studio.ask('app.snapshot', {})).project.project
    expect(models[1]).toMatchObject({ name: first, weight: 0.5, enabled: true })
    expect(models.at(-1)).toMatchObject({ name: last, weight: 1, enabled: false })
    await studio.tune.turnLive(false)
    await expect(studio.tune.live.getByRole('img', { name: /^Live: / })).toHaveCount(0)
    await expect(studio.tune.live).toContainText('What specialists draw by themselves')
  })

  await test.step('tune: a snapshot brings back what a preset of block weights changed', async () => {
    const row = page.getByRole('region', { name: 'Snapshots' })
    await row.getByRole('button', { name: 'Keep this state' }).click()
    const blocks = page.getByRole('region', { name: 'Weights by block' })
    await blocks.getByRole('combobox', { name: 'Preset of block weights' }).selectOption({ label: 'GRAD_A' })
    const weighed = async (): Promise<number> =>
      Object.keys((await studio.ask('app.snapshot', {})).project.project.models[1]!.blocks).length
    await expect.poll(weighed).toBeGreaterThan(0)
    await row.getByRole('button', { name: 'Restore State 1' }).click()
    await expect.poll(weighed).toBe(0)
    await expect(studio.tune.row(last)).toContainText('dropped')
  })

  await test.step('preview: base, this merge, and without one, then compare two', async () => {
    await studio.goTo('Preview')
    await expectAccessible(studio, 'Preview, empty')
    await studio.preview.prompts.fill(project.preview.prompts[0]!)
    await studio.preview.seeds.fill('7')
    await studio.preview.steps.fill('4')
    await studio.preview.variant(`without ${first}`).check()
    await studio.preview.steps.press('Control+Enter')
    for (const variant of ['base', 'merge', `without ${first}`]) {
      const picture = studio.preview.picture(variant)
      await expect(picture).toBeVisible({ timeout: 60_000 })
      await expect(picture).toHaveJSProperty('complete', true)
      expect(await picture.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBeGreaterThan(0)
    }
    await expectAccessible(studio, 'Preview')
    await studio.preview.picture('merge').click()
    await expect(studio.preview.comparison).toContainText('4 steps')
    await page.getByRole('radio', { name: 'Difference' }).click()
    await expect(studio.preview.comparison).toContainText(/mean difference .* of 255/)
    await expectAccessible(studio, 'Comparison')
    await page.getByRole('radio', { name: 'Flip' }).click()
    await expect(page.getByRole('button', { name: 'Shows A' })).toBeVisible()
    await page.getByRole('group', { name: /^Comparison/ }).press('f')
    await expect(page.getByRole('button', { name: 'Shows B' })).toBeVisible()
    await page.keyboard.press('Escape')
  })

  await test.step('preview: a grid over the weight of one', async () => {
    await page.getByRole('radio', { name: 'Grid' }).click()
    await page.getByRole('textbox', { name: 'X: values' }).fill('0, 1')
    await page.getByRole('textbox', { name: 'X: values' }).press('Enter')
    await page.getByRole('button', { name: 'Draw grid' }).click()
    for (const weight of [0, 1]) {
      const cell = page.getByRole('img', { name: `${first} ${weight}`, exact: true })
      await expect(cell).toBeVisible({ timeout: 60_000 })
    }
  })

  await test.step('export: the tensors are those of the command line', async () => {
    await studio.goTo('Export')
    await expect(studio.export.forecast).toContainText('Time')
    await expectAccessible(studio, 'Export')
    await studio.export.exportTo(server.folder, 'merged')
    await expect(studio.export.result).toContainText('is written', { timeout: 60_000 })

    const exported = (await studio.ask('app.snapshot', {})).project.project
    const document = join(server.folder, 'same.fusion.json')
    await writeFile(document, JSON.stringify(exported))
    await runCli('merge', document, '--out', join(server.folder, 'by-command-line'))
    const weights = 'unet/diffusion_pytorch_model.safetensors'
    const window = await tensorsOf(join(server.folder, 'merged', weights))
    const commandLine = await tensorsOf(join(server.folder, 'by-command-line', weights))
    expect(window.header).toEqual(commandLine.header)
    expect(window.data.equals(commandLine.data)).toBe(true)
  })

  await test.step('restore the project from what was exported', async () => {
    await studio.goTo('Tune')
    await expect(studio.tune.live).toContainText('Drawn in Preview with these weights')
    await studio.tune.takeBack(last)
    await expect(studio.tune.row(last)).not.toContainText('dropped')
    await expect(studio.tune.live).toContainText('Last drawn in Preview, with other weights')
    await studio.goTo('Export')
    await studio.export.restoreFrom(server.folder, 'merged')
    const names = async (): Promise<string[]> =>
      (await studio.ask('app.snapshot', {})).project.project.models
        .filter(({ enabled }) => enabled)
        .map(({ name }) => name)
    await expect.poll(names).toEqual([base, ...specialists.slice(0, -1)])
  })
})
