import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, expectAccessible, test } from '../support/studio-test'

/** Scorers of a few thousand random weights each: what they say means nothing. */
const TINY = 'tests/golden/rewards'

test('tiny random scorers judge what every model draws, in a table with the best marked', async ({
  studio,
  server,
}) => {
  test.slow() // it draws and scores
  const { project } = await studio.ask('project.demo', {})
  const folder = join(server.folder, 'scorers')
  await cp(TINY, folder, { recursive: true })
  const [, kept, ...others] = project.models
  const scores = { promptFile: null, prompts: 2, seeds: 1, steps: 1, guidance: 1 }
  const scorers = {
    ...project.evaluation.scorers,
    'image-reward': join(folder, 'image-reward'),
    'pick-score': join(folder, 'pickscore'),
  }
  await studio.ask('project.edit', {
    edits: [
      ...others.map(({ name }) => ({ type: 'remove-model' as const, name })),
      {
        type: 'set-evaluation',
        evaluation: { ...project.evaluation, rows: ['specialists', 'merge'], scores, scorers },
      },
    ],
    label: 'One specialist',
  })
  await studio.goTo('Evaluate')
  const { scores: part } = studio.evaluate

  await test.step('each scorer has a table of rows and domains, with who is best', async () => {
    await part.getByRole('button', { name: 'Draw and score' }).click()
    await expect(part.getByRole('combobox', { name: 'Scorer' }).getByRole('option')).toHaveCount(2, { timeout: 90_000 })
    const report = (await studio.ask('evaluate.results', {})).scores!
    expect(report.scores.map(({ scorer }) => scorer)).toEqual(['image-reward', 'pick-score'])
    for (const { scorer, models, best } of report.scores) {
      await part.getByRole('combobox', { name: 'Scorer' }).selectOption(scorer)
      await expect(part.getByRole('rowheader')).toHaveText(['base', 'this merge', kept!.name])
      const merge = models.find(({ role }) => role === 'merge')!
      const digits = scorer === 'image-reward' ? 3 : 2
      const text = merge.mean.score.value.toFixed(digits).replace('-', '−')
      await expect(part.getByRole('row', { name: 'this merge' }).getByRole('cell').last()).toContainText(text)
      // Random weights make ties: nothing is marked then.
      const winner = best.at(-1)?.name ?? 'share the highest score'
      await expect(part.getByText(/^Over all domains: /)).toContainText(winner)
      await expect(part.getByRole('cell', { name: '*' })).toHaveCount(best.filter(Boolean).length)
    }
    await expect(part.getByRole('img', { name: /PickScore of every model with intervals, mean/ })).toBeVisible()
    for (const theme of ['dark', 'light'] as const) {
      await studio.setTheme(theme)
      await expectAccessible(studio, `Evaluate, scores, ${theme}`)
    }
  })

  await test.step('it is saved as CSV and as a picture', async () => {
    const csv = studio.page.waitForEvent('download')
    await part.getByRole('button', { name: 'CSV' }).click()
    const text = await readFile(await (await csv).path(), 'utf8')
    expect(text).toMatch(/^pick-score,this merge,merge,mean,/m)
    expect(text).toMatch(/^image-reward-lead,/m)
    const png = studio.page.waitForEvent('download')
    await part.getByRole('button', { name: 'PNG' }).click()
    expect((await png).suggestedFilename()).toBe('pick-score.png')
  })

  await test.step('files of scorers are chosen and taken back in the window', async () => {
    const { inspector } = studio.evaluate
    await inspector.getByRole('button', { name: 'Clear PickScore' }).click()
    await expect(studio.page.getByText('The project has changed since these pictures were scored.')).toBeVisible()
    const { project: now } = (await studio.ask('app.snapshot', {})).project
    expect(now.evaluation.scorers).toEqual({ ...scorers, 'pick-score': null })
  })

  await test.step('the history keeps what was found', async () => {
    const { entries } = await studio.ask('history.list', { kind: 'evaluation' })
    expect(entries[0]).toMatchObject({ part: 'scores', verdict: expect.stringMatching(/^ImageReward: .* PickScore: /) })
  })
})
