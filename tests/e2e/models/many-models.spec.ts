import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import type { Studio } from '../support/pages/studio'
import type { StudioServer } from '../support/studio-server'
import { expect, expectAccessible, test } from '../support/studio-test'

/** The demo's base with twelve specialists whose long names begin alike; their short names by the whole ones. */
async function openTwelve(studio: Studio, server: StudioServer): Promise<Map<string, string>> {
  const { project } = await studio.ask('project.demo', {})
  const own = project.models.slice(1)
  const shortNames = new Map<string, string>()
  const models = []
  for (const letter of ['a', 'b'])
    for (const { name: domain, path } of own) {
      const name = `realisticVision_v51_finetune_${domain}_2024_${letter}`
      const copy = join(server.folder, name)
      await cp(path, copy, { recursive: true })
      models.push({ name, path: copy })
      shortNames.set(name, `…${domain}_2024_${letter}`)
    }
  const evaluation = { ...project.evaluation, pictures: 1 }
  const edits = [
    ...own.map(({ name }) => ({ type: 'remove-model' as const, name })),
    { type: 'add-models' as const, models },
    { type: 'set-evaluation' as const, evaluation },
  ]
  await studio.ask('project.edit', { label: 'Twelve', edits })
  return shortNames
}

/** How far what can be scrolled sideways is wider than its frame, the widest first. */
function pixelsSideways(): number {
  const frames = [...document.querySelectorAll('main *')].filter((element) =>
    ['auto', 'scroll'].includes(getComputedStyle(element).overflowX),
  )
  return Math.max(0, ...frames.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth))
}

test('twelve models with long names that begin alike are told apart, and fit a small window', async ({
  studio,
  server,
  page,
}) => {
  await page.setViewportSize({ width: 1280, height: 800 })
  const shortNames = await openTwelve(studio, server)
  const [first, firstShort] = [...shortNames][0]!

  await test.step('each view says what tells them apart, and the whole name to who asks', async () => {
    await studio.goTo('Models')
    for (const [name, short] of shortNames) {
      const card = page.getByRole('main').getByRole('button', { name, exact: true })
      await expect(card).toContainText(short)
      await expect(card).toHaveAttribute('title', name)
    }
    await studio.goTo('Tune')
    for (const [name, short] of shortNames) await expect(studio.tune.row(name)).toContainText(short)
    expect(await page.evaluate(pixelsSideways)).toBe(0)
    await studio.tune.choose(first)
    const [row, reset] = [studio.tune.row(first), page.getByRole('button', { name: 'Reset all its weights' })]
    const [outer, inner] = [(await row.boundingBox())!, (await reset.boundingBox())!]
    expect(inner.x + inner.width).toBeLessThanOrEqual(outer.x + outer.width)
    await expectAccessible(studio, 'Tune, twelve models')
    await studio.goTo('Preview')
    await expect(page.getByText(`without ${firstShort}`, { exact: true })).toBeVisible()
    await expect(studio.preview.variant(`without ${first}`)).not.toBeChecked()
    await studio.goTo('Export')
    await page.setViewportSize({ width: 1920, height: 1080 })
    const tops = ['Title', 'Author', 'Licence'].map(
      async (name) => (await page.getByRole('textbox', { name }).boundingBox())!.y,
    )
    expect(new Set(await Promise.all(tops)).size, 'fields of whose it is in one row').toBe(1)
    await page.setViewportSize({ width: 1280, height: 800 })
    expect(await page.evaluate(pixelsSideways)).toBe(0)
  })

  await test.step('the table of losses fits', async () => {
    await studio.goTo('Evaluate')
    await studio.evaluate.start.click()
    const cell = studio.evaluate.row(first).getByRole('cell').first()
    await expect(cell).toHaveText(/%/, { timeout: 120_000 })
    await expect(studio.evaluate.start).toBeVisible({ timeout: 60_000 })
    await expect(studio.evaluate.row(first)).toContainText(firstShort)
    expect(await page.evaluate(pixelsSideways)).toBe(0)
    await expectAccessible(studio, 'Evaluate, twelve models')
  })
})
