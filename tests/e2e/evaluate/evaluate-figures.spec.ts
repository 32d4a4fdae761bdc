import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import type { Job } from '../../../src-main/contract/jobs'
import type { Studio } from '../support/pages/studio'
import { expect, expectAccessible, test } from '../support/studio-test'

async function ended(studio: Studio, { id }: Job): Promise<string> {
  for (;;) {
    const { jobs } = await studio.ask('jobs.list', {})
    const job = jobs.find((one) => one.id === id)!
    if (job.endedAt !== null) return job.state
    await studio.page.waitForTimeout(100)
  }
}

test('figures are of this project alone, dimmed when it changes, and charts are not pressed flat', async ({
  studio,
  server,
  page,
}) => {
  test.slow() // it measures merges
  const { project } = await studio.ask('project.demo', {})
  const evaluation = {
    ...project.evaluation,
    pictures: 1,
    scales: 'published' as const,
    methods: ['featurefusion' as const, 'task-arithmetic' as const],
  }
  const setEvaluation = {
    edits: [
      { type: 'set-evaluation' as const, evaluation },
      { type: 'set-preview' as const, preview: { ...project.preview, steps: 2 } },
    ],
    label: 'One picture',
  }
  await studio.ask('project.edit', setEvaluation)
  expect(await ended(studio, (await studio.ask('evaluate.start', { kind: 'table' })).job)).toBe('done')
  await studio.goTo('Evaluate')
  const { evaluate } = studio
  const step = page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: /^Evaluate/ })

  await test.step('a verdict in words; the merge stands under the base; the last column is in sight', async () => {
    await expect(evaluate.verdict).toContainText('Every specialist knows its own domain better than the base.')
    await expect(evaluate.verdict).toContainText('the plain average keeps')
    await expect(evaluate.losses.getByRole('rowheader').nth(1)).toHaveText('this merge')
    await expect(step).toContainText('measured')
    const table = evaluate.losses.getByRole('region', { name: 'Table of losses' })
    expect(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBe(0)
    await expectAccessible(studio, 'Evaluate, a table')
  })

  await test.step('of other weights: dimmed, said, the step open again', async () => {
    const model = { ...project.models[1]!, weight: 2 }
    await studio.ask('project.edit', { edits: [{ type: 'set-model', name: model.name, model }], label: 'Weigh' })
    await expect(page.getByText('The project has changed since this was measured.')).toBeVisible()
    await expect(step).toContainText('out of date')
    await expect(page.locator('.stale')).toBeVisible()
    await expectAccessible(studio, 'Evaluate, stale')
    await studio.undo.click()
    await expect(step).toContainText('measured')
    await expect(page.locator('.stale')).toHaveCount(0)
  })

  await test.step('the table is drawn as pictures, with the losses under them; what is drawn is kept', async () => {
    const { domains, missing } = await studio.ask('evaluate.pictures', {})
    expect(missing).toBe(domains.length * (project.models.length + 2))
    await evaluate.losses.getByRole('button', { name: 'Draw who draws what' }).click()
    const name = `this merge draws ‘${domains[1]!.prompt}’`
    const picture = evaluate.row('this merge').getByRole('img', { name })
    await expect(picture).toBeVisible({ timeout: 60_000 })
    await expect(evaluate.losses.getByRole('img')).toHaveCount(missing, { timeout: 120_000 })
    await expect(evaluate.row('this merge').getByRole('cell').nth(1)).toHaveText(/^\s*\(?[+−]\d/)
    await expectAccessible(studio, 'Evaluate, pictures')
    await page.reload()
    await studio.goTo('Evaluate')
    await picture.scrollIntoViewIfNeeded()
    await expect.poll(() => picture.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBeGreaterThan(0)
    await expect(evaluate.losses.getByRole('button', { name: 'Draw who draws what' })).toHaveCount(0)
  })

  await test.step('an evaluation that is cancelled takes nothing away', async () => {
    const { job } = await studio.ask('evaluate.start', { kind: 'table' })
    await studio.ask('jobs.cancel', { id: job.id })
    await ended(studio, job)
    await expect(evaluate.row('plain average').getByRole('cell').first()).toHaveText(/%/)
    await expect(step).toContainText('measured')
  })

  await test.step('one method that is ruined does not flatten the plot of all; gains that are lost are nothing', async () => {
    expect(await ended(studio, (await studio.ask('evaluate.start', { kind: 'comparison' })).job)).toBe('done')
    await evaluate.show('Compare methods')
    const { leaderboard } = (await studio.ask('evaluate.results', {})).comparison!
    const merges = leaderboard!.filter(({ againstSoup, role }) => againstSoup && role !== 'specialist')
    await expect(evaluate.forest.getByRole('listitem')).toHaveCount(merges.length)
    await expect(evaluate.forest).toContainText('Arrows: farther than the axis reaches.')
    const ruined = leaderboard!.find(({ keptPercent }) => keptPercent !== null && keptPercent < -100)!
    await expect(evaluate.board.getByRole('row').filter({ hasText: ruined.name })).toContainText('nothing')
    await expect(evaluate.board).not.toContainText(/−\d{3,}\s%/)
    await expectAccessible(studio, 'Evaluate, the comparison')
  })

  await test.step('a row’s method becomes the project’s, as one step of undo', async () => {
    await evaluate.board.getByRole('button', { name: 'Use this method: task arithmetic 0.3' }).click()
    const method = async () => (await studio.ask('app.snapshot', {})).project.project.method
    await expect.poll(async () => (await method()).name).toBe('task-arithmetic')
    expect((await method()).scale).toBe(0.3)
    await studio.undo.click()
    await expect.poll(async () => (await method()).name).toBe('featurefusion')
  })

  await test.step('another family shows nothing of it; with its own models it is back', async () => {
    const folder = join(server.folder, 'other')
    await cp(project.models[0]!.path, folder, { recursive: true })
    await studio.ask('project.new', {})
    await expect(step).toContainText('not measured')
    await studio.ask('project.edit', {
      edits: [{ type: 'add-models', models: [{ path: folder }, { path: project.models[1]!.path }] }],
      label: 'Another family',
    })
    await expect(step).toContainText('not measured')
    await evaluate.show('Table')
    await expect(evaluate.losses).toHaveCount(0)
    await studio.ask('project.demo', {})
    await studio.ask('project.edit', setEvaluation)
    await expect(step).toContainText('measured')
    await expect(evaluate.losses).toBeVisible()
  })
})
