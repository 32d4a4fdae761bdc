import { expect, expectAccessible, test } from '../support/studio-test'

test('what dropping a specialist changes, in weights and in losses', async ({ studio }) => {
  const { project } = await studio.ask('project.demo', {})
  const name = project.models.at(-1)!.name
  const { blocks } = await studio.ask('models.layers', {})
  await studio.goTo('Tune')
  await studio.tune.choose(name)
  const { unlearning } = studio.tune
  await unlearning.getByRole('button', { name: 'Measure' }).click()
  await expect(unlearning).toContainText(/change by .* of their norm/, { timeout: 60_000 })
  await expect(unlearning.getByRole('term')).toHaveText(blocks)
  // One picture of each domain is enough to see that losses arrive.
  const evaluation = { ...project.evaluation, pictures: 1 }
  await studio.ask('project.edit', { edits: [{ type: 'set-evaluation', evaluation }], label: 'One picture' })
  await unlearning.getByRole('button', { name: 'With losses' }).click()
  await expect(unlearning.getByRole('row', { name: new RegExp(`^${name} `) })).toContainText(/\d+\.\d\s%/, {
    timeout: 60_000,
  })
  for (const theme of ['dark', 'light'] as const) {
    await studio.setTheme(theme)
    await expectAccessible(studio, `Tune, what dropping one changes, ${theme}`)
  }
  await expect(unlearning).not.toContainText('other weights')
  await studio.tune.drop(name)
  await expect(unlearning).not.toContainText('other weights')
  await studio.tune.slider(project.models[1]!.name).press('End')
  await expect(unlearning).toContainText('Measured with other weights than now')
})
