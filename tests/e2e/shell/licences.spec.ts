import { expect, expectAccessible, test } from '../support/studio-test'

test('Settings shows the licences of all packages that are inside', async ({ studio, page }) => {
  await studio.goTo('Settings')
  const panel = page.getByRole('region', { name: 'Licences' })
  await panel.getByRole('button', { name: 'Show their licences' }).click()
  const text = panel.getByRole('document')
  for (const name of ['onnxruntime-node', 'chart.js', 'zod', 'assemblyscript']) await expect(text).toContainText(name)
  await expect(text).toContainText('Permission is hereby granted, free of charge')
  await expectAccessible(studio, 'the licences')
})
