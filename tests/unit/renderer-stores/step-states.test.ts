import { setActivePinia } from 'pinia'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createHttpBridge } from '../../../src-renderer/bridge/http-bridge'
import { useSession } from '../../../src-renderer/bridge/session-store'
import { useStepStates } from '../../../src-renderer/shell/use-step-states'
import { TestServer } from '../server/server'
import { eventually, leave, storesOver, visit } from './page'

let server: TestServer
let folder: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dying-'))
  const computeFile = join(folder, 'compute.mjs')
  writeFileSync(computeFile, 'process.exit(1)')
  server = await TestServer.start({ computeFile })
  visit(server)
  setActivePinia(storesOver(createHttpBridge()))
})
afterEach(async () => {
  await leave()
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

const STEPS = ['inspect', 'preview', 'evaluate'] as const
const AS_NEW = ['not computed', 'no pictures', 'not measured']

it('marks the steps of the project whose jobs failed, and of no other', async () => {
  const states = useStepStates()
  await useSession().start()
  const words = (): string[] => STEPS.map((step) => states.value[step].words)
  await server.invoke('evaluate.draw', {})
  await eventually(async () => expect((await server.invoke('jobs.list', {})).jobs[0]!.state).toBe('failed'))
  // Pictures of Evaluate are none of Preview.
  expect(words()).toEqual(AS_NEW)

  await server.invoke('inspect.start', {})
  await server.invoke('preview.run', { variants: [{ type: 'base' }] })
  await server.invoke('evaluate.start', { kind: 'table' })
  await eventually(() => expect(words()).toEqual(['failed', 'failed', 'failed']))
  await server.invoke('project.new', {})
  await eventually(() => expect(words()).toEqual(AS_NEW))
  await server.invoke('project.undo', {})
  await eventually(() => expect(words()).toEqual(['failed', 'failed', 'failed']))
})
