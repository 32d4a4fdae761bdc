import { readFile } from 'node:fs/promises'
import { expect, expectAccessible, test } from '../support/studio-test'

test('who knows what: the table, its files, and weights that a search found', async ({ studio }) => {
  await studio.ask('project.demo', {})
  const models = async () => (await studio.ask('app.snapshot', {})).project.project.models
  const names = (await models()).map(({ name }) => name)
  await studio.goTo('Evaluate')
  const { evaluate } = studio

  await test.step('measure every model on a picture of each domain', async () => {
    await expectAccessible(studio, 'Evaluate, empty')
    await evaluate.setPictures(1)
    await evaluate.start.click()
    await expect(evaluate.row('plain average').getByRole('cell').first()).toHaveText(/%/, { timeout: 60_000 })
  })
  const { domains } = await studio.ask('evaluate.data', {})
  const { summary } = (await studio.ask('evaluate.results', {})).table!

  await test.step('rows are models, columns domains; a cell says the whole', async () => {
    for (const [place, name] of [...names, 'this merge', 'plain average'].entries()) {
      const cells = evaluate.row(name).getByRole('cell')
      expect(await cells.count()).toBeGreaterThan(domains.length)
      const { domains: own } = summary!.models[place]!
      expect(summary!.models[place]!.name).toBe(name)
      await expect(cells.first()).toHaveAttribute(
        'title',
        new RegExp(`^${name} on ${domains[0]!.name}: loss ${own[0]!.loss.value.toFixed(4)}`),
      )
    }
    await expect(evaluate.row(names[0]!).getByRole('cell').first()).toHaveText(
      summary!.models[0]!.domains[0]!.loss.value.toFixed(4),
    )
    for (const theme of ['dark', 'light'] as const) {
      await studio.setTheme(theme)
      await expectAccessible(studio, `Evaluate, a table, ${theme}`)
    }
  })

  await test.step('the files have what the table has', async () => {
    const csv = await evaluate.save('CSV')
    expect(csv.suggestedFilename()).toBe('table.csv')
    const lines = (await readFile((await csv.path())!, 'utf8')).trim().split('\r\n')
    const header = lines[0]!.split(',')
    const losses = lines.filter((line) => line.startsWith('loss,')).map((line) => line.split(','))
    expect(losses).toHaveLength(summary!.models.length * (domains.length + 1))
    for (const { name, domains: own } of summary!.models)
      own.forEach(({ loss }, place) => {
        const line = losses.find((cells) => cells[1] === name && cells[3] === domains[place]!.name)!
        expect(Number(line[header.indexOf('value')])).toBe(loss.value)
      })
    const png = await evaluate.save('PNG')
    expect((await readFile((await png.path())!)).subarray(1, 4).toString()).toBe('PNG')
  })

  await test.step('a search that is stopped leaves the best so far, which becomes the project’s weights and back', async () => {
    await evaluate.show('Automatic weights')
    // Half of the pictures choose, the other half checks.
    await evaluate.setPictures(2)
    await evaluate.start.click()
    const found = async () => (await studio.ask('evaluate.results', {})).search
    await expect.poll(async () => (await found())?.trials.length ?? 0, { timeout: 60_000 }).toBeGreaterThan(2)
    await evaluate.stop.click()
    await expect(evaluate.start).toBeVisible()
    await expect(evaluate.search).toContainText('Stopped: these weights were not checked')
    const { best, trials } = (await found())!
    expect(best!.score).toBe(Math.min(...trials.map(({ score }) => score!)))
    await expectAccessible(studio, 'Evaluate, a search')

    const before = await models()
    await evaluate.useFound()
    const weights = async () =>
      (await models()).map(({ name, weight, blocks, layers }) => ({ name, weight, blocks, layers }))
    await expect.poll(weights).toEqual(best!.models)
    await studio.undo.click()
    await expect.poll(models).toEqual(before)
  })
})
