import { expect, expectAccessible, test } from '../support/studio-test'

test('a grid over weights and seeds: forecast, cancel, cells, one labelled picture, use of a cell', async ({
  studio,
  page,
}) => {
  await studio.ask('project.demo', {})
  const { project } = (await studio.ask('app.snapshot', {})).project
  const first = project.models[1]!.name
  const soup = { ...project.method, name: 'soup' as const }
  await studio.ask('project.edit', {
    label: 'Fast',
    edits: [
      { type: 'set-method', method: soup },
      { type: 'set-preview', preview: { ...project.preview, prompts: ['pizza', 'taco'], steps: 2 } },
    ],
  })
  await studio.goTo('Preview')
  await page.getByRole('radio', { name: 'Grid' }).click()

  await test.step('axes are chosen, and their values checked', async () => {
    await page.getByRole('combobox', { name: 'Y, the rows' }).selectOption('Seed')
    await page.getByRole('textbox', { name: 'X: values' }).fill('0, soon')
    await page.getByRole('textbox', { name: 'X: values' }).press('Enter')
    await expect(page.getByRole('textbox', { name: 'X: values' })).toHaveAccessibleDescription(/“soon” is no number/)
    await page.getByRole('textbox', { name: 'X: values' }).fill('0..2 in 5')
    await page.getByRole('textbox', { name: 'X: values' }).press('Enter')
    await page.getByRole('textbox', { name: 'Y: values' }).fill('1-2')
    await page.getByRole('textbox', { name: 'Y: values' }).press('Enter')
    await expect(page.getByText('10 pictures, 5 sets of weights')).toBeVisible()
    await expectAccessible(studio, 'the form of a grid')
  })

  await test.step('every cell is drawn, each with its label', async () => {
    await page.getByRole('button', { name: 'Draw grid' }).click()
    for (const label of ['0', '1', '2'])
      for (const seed of [1, 2]) {
        const cell = page.getByRole('img', { name: `${first} ${label} · seed ${seed}`, exact: true })
        await expect(cell).toBeVisible({ timeout: 60_000 })
      }
    await expect(page.getByRole('main').getByText('10 pictures', { exact: true })).toBeVisible()
    const frame = page.getByRole('region', { name: 'Grid' })
    expect(await frame.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth), 'five fit').toBe(0)
    await expectAccessible(studio, 'a grid')
  })

  await test.step('as one picture', async () => {
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Save as one picture' }).click()
    expect((await download).suggestedFilename()).toBe('grid.png')
    const { pictures } = await studio.ask('preview.history', {})
    const { url } = await studio.ask('preview.gridSheet', { run: pictures[0]!.job })
    const sheet = await page.request.get(new URL(url, page.url()).href)
    expect(sheet.headers()['content-type']).toBe('image/png')
  })

  await test.step('flip two cells, and use one: a step of undo with its name', async () => {
    await page.getByRole('button', { name: `${first} 2 · seed 2` }).click()
    await page.getByRole('radio', { name: 'Flip' }).click()
    const stage = page.getByRole('group', { name: /^Comparison/ })
    await stage.focus()
    await expect(stage).toContainText('A')
    await page.keyboard.down(' ')
    await expect(stage).toContainText('B')
    await page.keyboard.up(' ')
    await expect(stage).toContainText('A')
    await expectAccessible(studio, 'flipping')
    const partner = page.getByRole('combobox', { name: 'Picture B' })
    await partner.selectOption({ label: `${first} 0 · seed 1` })
    const chosen = await partner.inputValue()
    await page.reload()
    await expect(page.getByRole('radio', { name: 'Flip' })).toBeChecked()
    await expect(partner).toHaveValue(chosen)
    await page.keyboard.press('Escape')
    await studio.goTo('Tune')
    await studio.goTo('Preview')
    await expect(page.getByRole('radio', { name: 'Grid' })).toBeChecked()
    await page.getByRole('button', { name: `${first} 2 · seed 2` }).click()
    await expect(partner).toHaveValue(chosen)
    await page.getByRole('button', { name: 'Use this cell' }).click()
    await expect(studio.undo).toHaveAccessibleName('Undo: Use a cell of a grid')
    const now = (await studio.ask('app.snapshot', {})).project
    expect(now.project.models[1]).toMatchObject({ name: first, weight: 2 })
    expect(now.project.preview).toMatchObject({ seeds: [2], prompts: ['pizza', 'taco'] })
    await studio.undo.click()
    await expect
      .poll(async () => (await studio.ask('app.snapshot', {})).project.project.models[1]!.weight)
      .toBe(project.models[1]!.weight)
  })

  await test.step('a cancel keeps what is done', async () => {
    await studio.ask('project.edit', {
      label: 'Slow',
      edits: [
        {
          type: 'set-preview',
          preview: {
            ...project.preview,
            prompts: ['pizza'],
            grid: { x: { kind: 'steps', of: '', values: '1, 900' }, y: null, z: null },
          },
        },
      ],
    })
    await page.getByRole('button', { name: 'Draw grid' }).click()
    await expect(page.getByRole('img', { name: '1 step', exact: true })).toBeVisible({ timeout: 60_000 })
    await page.getByRole('button', { name: 'Cancel', exact: true }).click()
    await expect(page.getByText('1 of 2 pictures')).toBeVisible()
    await expect(page.getByRole('img', { name: 'not drawn: 900 steps' })).toBeVisible()
    await page.reload()
    await page.getByRole('radio', { name: 'Grid' }).click()
    await expect(page.getByRole('img', { name: '1 step', exact: true })).toBeVisible()
  })
})
