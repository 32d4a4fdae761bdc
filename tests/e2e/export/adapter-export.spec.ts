import { join } from 'node:path'
import { expect, expectAccessible, test } from '../support/studio-test'
import { runCli } from '../support/studio-server'

test('adapters become one LoRA', async ({ studio, server }) => {
  const { project } = await studio.ask('project.demo', {})
  const [base, ...specialists] = project.models.map(({ path }) => path) as [string, ...string[]]
  await studio.goTo('Export')
  await expect(studio.export.start).toBeEnabled()
  await expect(studio.export.fusion).toBeHidden()

  const loras: string[] = []
  for (const [index, specialist] of specialists.slice(0, 2).entries()) {
    const path = join(server.folder, `lora-${index}.safetensors`)
    await runCli('extract', '--base', base, '--specialist', specialist, '--rank', String(2 + index), '--out', path)
    loras.push(path)
  }
  await studio.ask('project.new', {})
  await studio.ask('project.edit', {
    edits: [{ type: 'add-models', models: [base, ...loras].map((path) => ({ path })) }],
    label: 'Add',
  })
  await studio.goTo('Export')
  const { fusion } = studio.export
  await expect(fusion).toContainText('is no sum of models')
  await expectAccessible(studio, 'adapters as one')
  await studio.export.fuseTo(server.folder, 'one.safetensors')
  await expect(fusion).toContainText('one.safetensors is written')
  await expect(fusion).toContainText('rank 5')
  expect(await ranksOf(join(server.folder, 'one.safetensors'))).toEqual([5])

  await fusion.getByLabel('How adapters are merged').selectOption({ label: 'NP-LoRA' })
  await fusion.getByLabel('Rank', { exact: true }).selectOption({ label: 'Cut to one rank: a smaller file' })
  await fusion.getByLabel('Rank of every layer').fill('3')
  await studio.export.fuseTo(server.folder, 'small.safetensors')
  await expect(fusion).toContainText('small.safetensors is written')
  expect(await ranksOf(join(server.folder, 'small.safetensors'))).toEqual([3])

  await fusion.getByLabel('How adapters are merged').selectOption({ label: 'Sum' })
  await fusion.getByLabel('Rank', { exact: true }).selectOption({ label: 'Cut to a part of each layer: ranks follow' })
  await fusion.getByLabel('Part that is kept').fill('0.6')
  await fusion.getByRole('switch', { name: 'A rank of their own' }).click()
  await fusion.getByLabel('Rank of convolutions').fill('1')
  await studio.export.fuseTo(server.folder, 'part.safetensors')
  await expect(fusion).toContainText('part.safetensors is written')
  expect(Math.max(...(await ranksOf(join(server.folder, 'part.safetensors'))))).toBeLessThan(5)
})

async function ranksOf(path: string): Promise<number[]> {
  const [model] = JSON.parse(await runCli('open', path, '--json')) as { adapter: { ranks: number[] } }[]
  return model!.adapter.ranks
}
