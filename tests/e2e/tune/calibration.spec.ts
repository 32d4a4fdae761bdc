import { expect, expectAccessible, test } from '../support/studio-test'

test('learns what each model sees, and says when that is out of date', async ({ studio }) => {
  const { project } = await studio.ask('project.demo', {})
  const [base, first, second, third, ...others] = project.models
  const calibration = { ...project.calibration, samples: 16, pictures: 2 }
  const edits = [
    ...[third!, ...others].map(({ name }) => ({ type: 'remove-model' as const, name })),
    { type: 'set-calibration' as const, calibration },
  ]
  await studio.ask('project.edit', { edits, label: 'Two specialists' })
  await studio.goTo('Tune')
  const { calibration: panel, method } = studio.tune
  await expect(panel).toBeHidden()
  await method.selectOption({ label: 'Feature regression' })
  await expect(panel).toContainText('There are no calibration data yet')

  await panel
    .getByRole('radiogroup', { name: `Inputs of ${base!.name}` })
    .getByText('Leave out')
    .click()
  await panel
    .getByRole('radiogroup', { name: `Inputs of ${second!.name}` })
    .getByText('Prompts')
    .click()
  const prompts = panel.getByRole('textbox', { name: `Prompts for ${second!.name}` })
  await expect(prompts).not.toBeEmpty()
  await prompts.fill('a small house')
  await prompts.blur()
  for (const theme of ['dark', 'light'] as const) {
    await studio.setTheme(theme)
    await expectAccessible(studio, `Tune, what each model sees, ${theme}`)
  }

  const latest = panel.getByRole('textbox', { name: 'Max timestep' })
  await latest.fill('900')
  await latest.blur()
  await panel.getByRole('button', { name: 'Collect calibration data' }).click()
  await expect(panel).toContainText('Collected from 2 models', { timeout: 60_000 })
  await panel.getByText('What was used').click()
  await expect(panel.getByRole('definition').first()).toHaveText(
    new RegExp(`^2 pictures of ${first!.name}, with noise at 10 timesteps from \\d+ to 8\\d\\d$`),
  )
  await expect(panel.getByRole('definition').nth(1)).toContainText('a small house')
  await expectAccessible(studio, 'Tune, what each model saw')

  const { name, path } = third!
  await studio.ask('project.edit', {
    edits: [{ type: 'add-models', models: [{ name, path }] }],
    label: 'One more',
  })
  await studio.ask('models.hash', {})
  await expect(panel).toContainText(`${name} was not among the models`)
  await panel.getByRole('button', { name: 'Compare' }).click()
  await expect(studio.page.getByRole('heading', { name: 'Calibration data' })).toBeVisible()
})
