import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import type { ModelEntry } from '../../../src-main/contract/document/project'
import { expect, expectAccessible, test } from '../support/studio-test'

/** Every file of a folder by its name, with what is in it. */
function contentsOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
  return Object.fromEntries(
    names
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => {
        const path = join(parentPath, name)
        return [path.slice(folder.length), createHash('sha256').update(readFileSync(path)).digest('hex')]
      }),
  )
}

test('two exports are found, compared, and the older one is exported again with the same bytes', async ({
  studio,
  server,
  page,
}) => {
  const { history } = studio
  const models = async (): Promise<ModelEntry[]> => (await studio.ask('app.snapshot', {})).project.project.models
  await studio.goTo('History')
  await expect(page.getByRole('main')).toContainText('will appear here')
  await expectAccessible(studio, 'History, empty')
  await studio.goTo('Models')
  await studio.models.demo.click()
  await expect(studio.shares).toBeVisible()

  await studio.goTo('Export')
  await studio.export.exportTo(server.folder, 'first')
  await expect(studio.export.result).toContainText('is written', { timeout: 60_000 })
  const first = await models()
  const changed = { ...first[1]!, weight: 0.25 }
  const edits = [{ type: 'set-model' as const, name: changed.name, model: changed }]
  await studio.ask('project.edit', { edits, label: 'Weigh' })
  await studio.export.exportTo(server.folder, 'second')
  await expect(studio.export.result).toContainText('second is written', { timeout: 60_000 })
  const written = contentsOf(join(server.folder, 'first'))

  await test.step('they are listed, and found by a word', async () => {
    await studio.goTo('History')
    await expect(history.entries).toHaveCount(2)
    await expect(history.entries.first()).toContainText('second')
    await history.search.fill('FIRST')
    await expect(history.entries).toHaveCount(1)
    await expect(history.entries).toContainText('→ first')
    await history.compare('first')
    await history.search.fill('')
  })

  await test.step('the command line lists the same, and says how one was made', async () => {
    const path = join(server.folder, 'demo.fusion.json')
    // Saving would make the window ask before it leaves the project.
    writeFileSync(path, JSON.stringify((await studio.ask('app.snapshot', {})).project.project))
    const told = async (...args: string[]) => server.runCli('history', path, ...args)
    const { entries } = await studio.ask('history.list', {})
    expect(JSON.parse(await told('--json'))).toEqual({ entries, more: false, damaged: 0 })
    expect(await told('--search', 'first')).toMatch(/^entry .*\n[0-9a-f]{8} .* → first\n$/)
    expect(await told('--limit', '1')).toMatch(/→ second\nThere are older ones/)
    expect(await told('--kind', 'grid')).toContain('Nothing that fits')
    const first = await told(entries[1]!.id.slice(0, 8))
    expect(first).toContain(`Written   ${join(server.folder, 'first')}`)
    expect(first).toContain('Method    FeatureFusion')
    expect(first).toMatch(/^sha256 {4}[0-9a-f]{64} /m)
  })

  await test.step('only what differs is told, with both values', async () => {
    await history.compare('second')
    await expect(history.differences.getByRole('row')).toHaveText([/1 difference/, `${changed.name}10.25`])
    await expectAccessible(studio, 'History, two compared')
  })

  await test.step('the older state is used, as one step of undo', async () => {
    await page.getByRole('button', { name: 'Use the state of A' }).click()
    await expect.poll(async () => (await models())[1]!.weight).toBe(1)
    await expect(studio.undo).toHaveAccessibleName('Undo: Use the state of first')
    await studio.undo.click()
    await expect.poll(async () => (await models())[1]!.weight).toBe(0.25)
  })

  await test.step('keys go from entry to entry, and open one', async () => {
    await history.entries.first().getByRole('button').focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await expect(history.details.getByRole('heading', { level: 2 })).toContainText('→ first')
    await expect(history.details).toContainText(join(server.folder, 'first'))
    const family = history.details.getByRole('region', { name: 'Family' }).getByRole('listitem')
    await expect(family.first()).toContainText('first')
    await expect(family).toHaveCount(1 + first.length)
    await expectAccessible(studio, 'History, one opened')
  })

  await test.step('a file that is gone is said to be so', async () => {
    rmSync(join(server.folder, 'first'), { recursive: true })
    await history.search.fill('first')
    await expect(history.entries.first()).toContainText('The file is gone.')
  })

  await test.step('exported again under its name, it has the same bytes', async () => {
    await history.details.getByRole('button', { name: 'Export again' }).click()
    await expect(page.getByRole('main')).toContainText('Export suggests that name')
    await studio.export.start.click()
    const dialog = page.getByRole('dialog')
    await expect(dialog.getByRole('textbox', { name: 'Name' })).toHaveValue('first')
    await page.keyboard.press('Escape')
    await studio.export.exportTo(server.folder, 'first')
    await expect.poll(() => existsSync(join(server.folder, 'first'))).toBe(true)
    await expect(studio.export.result).toContainText('first is written', { timeout: 60_000 })
    expect(contentsOf(join(server.folder, 'first'))).toEqual(written)
  })

  await test.step('an entry leaves the list, its file stays; another project sees none', async () => {
    await studio.goTo('History')
    await history.search.fill('')
    await expect(history.entries).toHaveCount(3)
    await history.open('→ second')
    await history.details.getByRole('button', { name: 'Remove from the history' }).click()
    await expect(history.entries).toHaveCount(2)
    expect(existsSync(join(server.folder, 'second'))).toBe(true)
    await page.keyboard.press('Control+Alt+n')
    await expect(page.getByRole('main')).toContainText('will appear here')
  })
})

test('pictures are drawn again with their weights, and compared by prompt and seed', async ({ studio, page }) => {
  const { history } = studio
  await studio.ask('project.demo', {})
  const { project } = (await studio.ask('app.snapshot', {})).project
  const preview = { ...project.preview, steps: 2, prompts: project.preview.prompts.slice(0, 1) }
  await studio.ask('project.edit', { edits: [{ type: 'set-preview', preview }], label: 'Short' })
  await studio.ask('preview.run', { variants: [{ type: 'merge' }] })
  await studio.goTo('History')
  await expect(history.entry('1 picture')).toHaveCount(1, { timeout: 60_000 })
  const model = { ...project.models[1]!, weight: 0 }
  await studio.ask('project.edit', { edits: [{ type: 'set-model', name: model.name, model }], label: 'Weigh' })
  await studio.ask('preview.run', { variants: [{ type: 'merge' }] })
  await expect(history.entry('1 picture')).toHaveCount(2, { timeout: 60_000 })

  for (const box of await page.getByRole('checkbox', { name: /^Compare pictures/ }).all()) await box.check()
  await expect(history.differences.getByRole('row')).toHaveText([/1 difference/, `${model.name}01`])
  await page.getByRole('button', { name: /^Compare pictures of/ }).click()
  const dialog = page.getByRole('dialog', { name: 'Compare pictures' })
  await expect(dialog.getByRole('slider')).toBeVisible()
  await expectAccessible(studio, 'History, pictures compared')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Compare no more' }).click()

  await history.entries.last().getByRole('button').click()
  await history.details.getByRole('button', { name: 'Draw again' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Preview' })).toBeVisible()
  await studio.goTo('History')
  await expect(history.entries).toHaveCount(3, { timeout: 60_000 })
  const { entries } = await studio.ask('history.list', {})
  expect(entries.map((entry) => entry.merge?.models[1]!.weight)).toEqual([1, 0, 1])
  expect((await studio.ask('app.snapshot', {})).project.project.models[1]!.weight).toBe(0)
})
