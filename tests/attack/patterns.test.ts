import { expect, it, vi } from 'vitest'
import { family } from '../unit/demo-family'
import { temporaryFolder } from '../unit/engine/merge/models'
import { TestServer } from '../unit/server/server'
import { CommandLine } from './support/command-line'

// Processes that are started while other tests keep the machine busy.
vi.setConfig({ testTimeout: 90_000 })

/** Matched by backtracking, these take longer than the universe has. */
const STARS = `${'*a'.repeat(30)}*b`
const { base, specialists } = family
const specialist = specialists[0]!

it.each(['--layer-weights', '--groups'])('thirty stars in a pattern of %s are answered', async (option) => {
  const folder = temporaryFolder()
  const value = option === '--groups' ? `${STARS}=2` : `x=${STARS}:0.5`
  const { code, hung, stderr } = await new CommandLine(folder).run(
    ['merge', '--base', base.path, '--specialist', `x=${specialist.path}`, '--method', 'soup', option, value].concat([
      '--device',
      'cpu',
      '--dry-run',
    ]),
    { limitMs: 60_000 },
  )
  expect({ code, hung }, stderr).toEqual({ code: 1, hung: false })
  expect(stderr).toContain('nearest names')
})

it('a host whose project has such patterns goes on', async () => {
  const server = await TestServer.start()
  try {
    const { project } = (await server.invoke('app.snapshot', {})).project
    const [, model] = project.models
    const layerKinds = [{ pattern: STARS, transposedConvolution: false, groups: 2 }]
    const layers = [{ pattern: STARS, weight: 0.5 }]
    await server.invoke('project.edit', {
      label: 'Patterns',
      edits: [
        { type: 'set-model', name: model!.name, model: { ...model!, layers } },
        { type: 'set-method', method: { ...project.method, layerKinds } },
      ],
    })
    expect((await server.invoke('models.layers', {})).layers.length).toBeGreaterThan(100)
    expect((await server.invoke('export.forecast', {})).problem?.message).toMatch(/matches/)
    expect((await server.invoke('models.compatibility', {})).problems).toEqual([])
  } finally {
    await server.close()
  }
})
