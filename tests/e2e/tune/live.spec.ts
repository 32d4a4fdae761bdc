import { expect, test } from '../support/studio-test'

test('live pictures go on after another job, however often a slider moved meanwhile', async ({ studio }) => {
  const { project } = await studio.ask('project.demo', {})
  const preview = { ...project.preview, seeds: [1], steps: 4 }
  await studio.ask('project.edit', { edits: [{ type: 'set-preview', preview }], label: 'Fewer steps' })
  await studio.goTo('Tune')
  await studio.tune.turnLive(true)
  const before = await studio.tune.livePictures()

  const { job } = await studio.ask('evaluate.start', { kind: 'table' })
  const slider = studio.tune.slider(project.models[1]!.name)
  await slider.focus()
  for (const key of ['ArrowRight', 'ArrowRight', 'ArrowLeft', 'End']) await slider.press(key)
  await expect(studio.tune.live).toContainText('drawing again')
  await studio.ask('jobs.cancel', { id: job.id })
  expect(await studio.tune.livePictures(before)).toHaveLength(before.length)
})

test('undo and another project leave live pictures on', async ({ studio }) => {
  const { project } = await studio.ask('project.demo', {})
  const preview = { ...project.preview, seeds: [1], steps: 4 }
  await studio.ask('project.edit', { edits: [{ type: 'set-preview', preview }], label: 'Fewer steps' })
  await studio.goTo('Tune')
  await studio.tune.turnLive(true)
  const first = await studio.tune.livePictures()
  await studio.undo.click()
  await expect.poll(async () => (await studio.ask('app.snapshot', {})).project.undo).toBeNull()
  const undone = await studio.tune.livePictures(first)
  await expect(studio.tune.live).toContainText('weights are fed into the loaded network')
  await studio.ask('project.demo', {})
  await studio.tune.livePictures()
  expect(undone.length).toBeGreaterThan(0)
  await expect(studio.tune.live).toContainText('weights are fed into the loaded network')
})
