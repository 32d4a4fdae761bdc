import AxeBuilder from '@axe-core/playwright'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCli } from '../support/studio-server'
import { expect, test } from '../support/studio-test'

test('Inspect and Evaluate as one page that needs nothing else, and as CSV', async ({
  studio,
  server,
  page,
  browser,
}) => {
  test.slow() // it measures and draws
  const { project } = await studio.ask('project.demo', {})
  const names = project.models.slice(1).map(({ name }) => name)
  await studio.ask('project.edit', {
    edits: [
      { type: 'set-evaluation', evaluation: { ...project.evaluation, pictures: 1, rows: ['merge'] } },
      { type: 'set-preview', preview: { ...project.preview, steps: 1 } },
    ],
    label: 'Little to measure',
  })
  const done = async (id: string): Promise<void> => {
    const state = async () => (await studio.ask('jobs.list', {})).jobs.find((job) => job.id === id)?.state
    await expect.poll(state, { timeout: 120_000 }).toBe('done')
  }
  await done((await studio.ask('inspect.start', {})).job.id)
  await done((await studio.ask('evaluate.start', { kind: 'table' })).job.id)
  await done((await studio.ask('evaluate.draw', {})).job.id)
  // With it come the hashes of the models.
  await studio.ask('project.save', { path: join(server.folder, 'Demo.fusion.json') })
  await studio.goTo('Inspect')
  const sentence = (await studio.inspect.sentence.textContent())!

  const save = async (item: string) => {
    await page.getByRole('button', { name: 'Save report' }).click()
    const download = page.waitForEvent('download')
    await page.getByRole('menuitem', { name: item }).click()
    return download
  }

  /** What the window saved. */
  const ofWindow = { html: '', csv: '' }
  await test.step('the page shows the same, offline, in both themes, and runs nothing', async () => {
    // Pictures of the table are asked for when it is there.
    await studio.goTo('Evaluate')
    await expect(studio.evaluate.losses.getByRole('img').first()).toBeVisible()
    const file = await save('Inspect and Evaluate as one HTML page')
    expect(file.suggestedFilename()).toBe('Demo.html')
    const html = await readFile((await file.path())!, 'utf8')
    expect(html).not.toMatch(/<script|https?:\/\//)
    expect(html).not.toContain(project.models[0]!.path)
    ofWindow.html = html
    const context = await browser.newContext({ offline: true })
    const other = await context.newPage()
    const asked: string[] = []
    other.on('request', (request) => asked.push(request.url()))
    await other.setContent(html)
    await expect(other.getByText(sentence)).toBeVisible()
    for (const name of names) await expect(other.getByRole('columnheader', { name }).first()).toBeVisible()
    const { pictures } = await studio.ask('evaluate.pictures', {})
    await expect(other.getByRole('img')).toHaveCount(pictures.length)
    const drawn = other.getByRole('img').first()
    expect(await drawn.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBeGreaterThan(0)
    expect(asked.filter((url) => !url.startsWith('data:'))).toEqual([])
    const grounds = new Set<string>()
    for (const colorScheme of ['dark', 'light'] as const) {
      await other.emulateMedia({ colorScheme })
      grounds.add(await other.evaluate(() => getComputedStyle(document.body).backgroundColor))
      const { violations } = await new AxeBuilder({ page: other }).analyze()
      const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      expect(serious.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`)).toEqual([])
    }
    expect(grounds.size).toBe(2)
    await context.close()
  })

  await test.step('the CSV has every layer of every specialist', async () => {
    const file = await save('Layers and blocks as CSV')
    ofWindow.csv = await readFile((await file.path())!, 'utf8')
    const lines = ofWindow.csv.trim().split('\r\n')
    const { rows } = await studio.ask('inspect.rows', {})
    expect(lines.filter((line) => line.startsWith('layer,'))).toHaveLength(rows.length * names.length)
    const first = rows[0]!
    const line = lines.find((one) => one.includes(`${first.layer},${names[0]},`))!.split(',')
    expect(Number(line[4])).toBeCloseTo(first.deltaNormRatio[0]!, 9)
  })

  await test.step('the command line writes the same from what the window keeps, and says so', async () => {
    const file = (name: string): string => join(server.folder, name)
    const [html, csv] = [file('same.html'), file('same.csv')]
    const args = ['report', file('Demo.fusion.json'), '--html', html, '--csv', csv]
    const words = await server.runCli(...args)
    expect(words).toContain('Inspect: as the window keeps it')
    expect(words).toContain('Losses: as the window keeps it')
    const undated = (page: string): string => page.replace(/FeatureFusion Studio, [^<]*/, '')
    expect(undated(await readFile(html, 'utf8'))).toBe(undated(ofWindow.html))
    expect(await readFile(csv, 'utf8')).toBe(ofWindow.csv)
    // Again, over what it wrote itself, and from nothing: the same figures.
    expect(await runCli(...args)).toContain('Inspect: computed now')
    const [again, before] = [(await readFile(csv, 'utf8')).split('\r\n'), ofWindow.csv.split('\r\n')]
    expect(again.length).toBe(before.length)
    expect(await readFile(html, 'utf8')).toContain(sentence)
  })
})
