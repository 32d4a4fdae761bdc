import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, expectAccessible, test } from '../support/studio-test'

test('what unlearning did, scores, and features against what the method promises', async ({ studio, server }) => {
  test.slow() // it draws and compares
  const { project } = await studio.ask('project.demo', {})
  const [, kept, dropped, ...others] = project.models
  const model = join(server.folder, 'clip')
  await cp('tests/golden/clip/model', model, { recursive: true })
  const scores = { promptFile: null, prompts: 1, seeds: 2, steps: 1, guidance: 1 }
  const scorers = { ...project.evaluation.scorers, clip: model }
  const recognition = { prompts: 1, seeds: 1, steps: 1, guidance: 1 }
  await studio.ask('project.edit', {
    edits: [
      ...others.map(({ name }) => ({ type: 'remove-model' as const, name })),
      { type: 'set-model', name: dropped!.name, model: { ...dropped!, enabled: false } },
      {
        type: 'set-evaluation',
        evaluation: { ...project.evaluation, pictures: 1, rows: ['merge'], scores, scorers, recognition },
      },
    ],
    label: 'Two specialists, one dropped',
  })
  await studio.goTo('Evaluate')
  const { evaluate } = studio

  await test.step('a specialist that was dropped has a before and an after', async () => {
    await evaluate.start.click()
    const row = evaluate.unlearning.getByRole('row').filter({ hasText: dropped!.name })
    await expect(row).toBeVisible({ timeout: 60_000 })
    const { unlearned } = (await studio.ask('evaluate.results', {})).table!
    expect(unlearned.map(({ specialist }) => specialist)).toEqual([dropped!.name])
    await expect(row).toContainText(unlearned[0]!.before.value.toFixed(4))
    await expect(row).toContainText(unlearned[0]!.after.value.toFixed(4))
  })

  await test.step('a CLIP model scores what every model draws', async () => {
    await evaluate.scores.getByRole('button', { name: 'Draw and score' }).click()
    await expect(evaluate.scores.getByRole('row').last().getByRole('cell').last()).toHaveText(/\d\.\d\d/, {
      timeout: 60_000,
    })
    for (const theme of ['dark', 'light'] as const) {
      await studio.setTheme(theme)
      await expectAccessible(studio, `Evaluate, unlearning and scores, ${theme}`)
    }
  })

  await test.step('methods are compared by what they keep, what the base forgets, and what is recognised', async () => {
    await evaluate.show('Compare methods')
    await evaluate.drawCaptions()
    await evaluate.start.click()
    const comparison = async () => (await studio.ask('evaluate.results', {})).comparison
    // Two merges are enough: what is measured stays when the others are cancelled.
    const merges = async () => (await comparison())?.leaderboard?.filter(({ role }) => role === 'merge').length ?? 0
    await expect.poll(merges, { timeout: 60_000 }).toBeGreaterThan(1)
    await evaluate.stop.click()
    await expect(evaluate.start).toBeVisible()
    const { leaderboard, recognition } = (await comparison())!
    expect(leaderboard!.some(({ isOnFront }) => isOnFront)).toBe(true)
    await expect(evaluate.front.getByRole('img')).toBeVisible()
    expect(recognition!.by).toBe('clip')
    await expect(evaluate.recognition.getByRole('rowheader')).toHaveCount(leaderboard!.length)
    await expectAccessible(studio, 'Evaluate, a comparison')
  })

  await test.step('the sampling check tells every layer, and leads to it in Inspect', async () => {
    await evaluate.show('Sampling check')
    await studio.page.getByRole('combobox', { name: 'Domain' }).selectOption(kept!.name)
    await evaluate.start.click()
    await expect(evaluate.check).toBeVisible({ timeout: 60_000 })
    const { layers } = (await studio.ask('evaluate.results', {})).drift!.drift
    const { layer } = layers.at(-1)!
    const choice = evaluate.check.getByRole('combobox', { name: 'Layer' })
    await expect(choice.getByRole('option')).toHaveCount(layers.length)
    await choice.selectOption(layer)
    await expect(evaluate.check.getByRole('status')).toContainText('inside the running network')
    await expectAccessible(studio, 'Evaluate, sampling check')
    await evaluate.check.getByRole('button', { name: 'Show in Inspect' }).click()
    await expect(studio.page.getByRole('heading', { name: `${layer}.weight` })).toBeVisible()
    await studio.goTo('Tune')
    await studio.tune.slider(kept!.name).press('End')
    await studio.goTo('Evaluate')
    await expect(studio.page.getByText('The project has changed since this was measured.')).toBeVisible()
  })
})
