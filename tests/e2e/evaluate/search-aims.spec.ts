import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, expectAccessible, test } from '../support/studio-test'
import type { Studio } from '../support/pages/studio'
import type { StudioServer } from '../support/studio-server'

/** The family's base with one specialist, and tiny random scorers: what they say means nothing. */
async function openScored(studio: Studio, server: StudioServer) {
  const { project } = await studio.ask('project.demo', {})
  const folder = join(server.folder, 'scorers')
  await cp('tests/golden/rewards', folder, { recursive: true })
  const [, kept, ...others] = project.models
  const evaluation = {
    ...project.evaluation,
    pictures: 2,
    methods: ['task-arithmetic' as const],
    scores: { promptFile: null, prompts: 1, seeds: 1, steps: 1, guidance: 1 },
    scorers: {
      ...project.evaluation.scorers,
      'image-reward': join(folder, 'image-reward'),
      'pick-score': join(folder, 'pickscore'),
    },
  }
  await studio.ask('project.edit', {
    edits: [
      ...others.map(({ name }) => ({ type: 'remove-model' as const, name })),
      { type: 'set-evaluation', evaluation },
    ],
    label: 'One specialist',
  })
  await studio.goTo('Evaluate')
  return kept!.name
}

test('a search for gains aims at the loss and a score; what it found becomes a part of the merge and back', async ({
  studio,
  server,
}) => {
  test.slow() // it merges, measures and draws
  await openScored(studio, server)
  const { evaluate } = studio
  const { inspector, search } = evaluate
  await evaluate.show('Automatic weights')

  await test.step('what it takes is said before it begins', async () => {
    const note = inspector.getByRole('note', { name: 'What the search takes' })
    await expect(note).toContainText('the whole search')
    const before = await note.textContent()
    await inspector.getByRole('checkbox', { name: 'PickScore' }).check()
    await expect(note).toContainText('and draws')
    expect(await note.textContent()).not.toBe(before)
    await inspector.getByRole('textbox', { name: 'Factor of PickScore' }).fill('0.01')
    await inspector.getByRole('textbox', { name: 'Factor of PickScore' }).press('Enter')
    await inspector.getByRole('combobox', { name: 'What is searched' }).selectOption('Gains of the blocks')
    await inspector.getByRole('combobox', { name: 'One gain for' }).selectOption('Each stage')
    await inspector.getByRole('textbox', { name: 'Trials' }).fill('3')
    await inspector.getByRole('textbox', { name: 'Trials' }).press('Enter')
    await expectAccessible(studio, 'Evaluate, a search is asked for')
  })

  await test.step('it says what it aimed at, and what the best gained on the other half', async () => {
    await evaluate.start.click()
    await expect(search.getByRole('status')).toContainText('On pictures that the search did not use', {
      timeout: 90_000,
    })
    await expect(search).toContainText('Aim: 1 × loss − 0.01 × PickScore. Gains are chosen on')
    const against = search.getByRole('row', { name: 'without gains' }).getByRole('cell').last()
    await expect(against).toHaveText(/−?\d\.\d{5} \(−?\d\.\d{5} to −?\d\.\d{5}\)$/)
    await expectAccessible(studio, 'Evaluate, gains that were found')
  })

  await test.step('the gains are used, and taken back', async () => {
    const found = (await studio.ask('evaluate.results', {})).search!
    const gains = async () => (await studio.ask('app.snapshot', {})).project.project.method.gains
    await search.getByRole('button', { name: 'Use these gains' }).click()
    await expect.poll(gains).toEqual(found.best!.models[1]!.layers)
    await studio.goTo('Tune')
    await expect(studio.page.getByRole('region', { name: 'Method' })).toContainText('gains of')
    await studio.undo.click()
    await expect.poll(gains).toEqual([])
  })
})

test('methods are scored like models: below their losses, in the leaderboard, and as the command line writes them', async ({
  studio,
  server,
}) => {
  test.slow() // it measures, draws and scores
  await openScored(studio, server)
  const { evaluate } = studio
  const { board, scores } = evaluate
  await evaluate.show('Compare methods')
  await evaluate.start.click()
  await expect(evaluate.start).toBeVisible({ timeout: 90_000 })
  await scores.getByRole('button', { name: 'Draw and score' }).click()
  await expect(scores.getByRole('combobox', { name: 'Scorer' }).getByRole('option')).toHaveCount(2, { timeout: 90_000 })
  await expect(scores.getByRole('rowheader', { name: 'plain average' })).toBeVisible()
  const { comparison, methodScores } = await studio.ask('evaluate.results', {})
  expect(methodScores!.scores[0]!.models.map(({ name }) => name)).toEqual(comparison!.rows.map(({ name }) => name))
  await expect(board.getByRole('columnheader', { name: 'PickScore' })).toBeVisible()
  for (const { name, mean } of methodScores!.scores[1]!.models)
    await expect(board.getByRole('row').filter({ has: studio.page.getByRole('rowheader', { name }) })).toContainText(
      mean.score.value.toFixed(2),
    )
  await expectAccessible(studio, 'Evaluate, scores of methods')
  const download = studio.page.waitForEvent('download')
  await board.getByRole('button', { name: 'CSV' }).click()
  const csv = await readFile(await (await download).path(), 'utf8')
  expect(csv.split('\r\n')[0]).toContain('image-reward,image-reward-low,image-reward-high,pick-score')
})
