import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Bridge } from '../../../src-renderer/bridge/bridge'
import { createHttpBridge } from '../../../src-renderer/bridge/http-bridge'
import { useSession } from '../../../src-renderer/bridge/session-store'
import { useProject } from '../../../src-renderer/features/project/project-store'
import { useNotices } from '../../../src-renderer/shared/notices/notices-store'
import { TestServer } from '../server/server'
import { eventually, leave, storesOver, visit } from './page'

let server: TestServer
/** Commands in the order in which they were sent. */
let sent: { command: string; input: unknown }[]
/** Holds answers back for as long as the test wants. */
let gate: Promise<void>

beforeEach(async () => {
  server = await TestServer.start()
  visit(server)
  sent = []
  gate = Promise.resolve()
})
afterEach(async () => {
  await leave()
  await server.close()
})

async function open() {
  const bridge = createHttpBridge()
  const watched: Bridge = {
    ...bridge,
    client: {
      ...bridge.client,
      async invoke(command, input) {
        sent.push({ command, input: structuredClone(input) })
        const answer = await bridge.client.invoke(command, input)
        await gate
        return answer
      },
    },
  }
  const pinia = storesOver(watched)
  const session = useSession(pinia)
  const project = useProject(pinia)
  const notices = useNotices(pinia)
  await session.start()
  const [base, first, second] = project.models.map(({ name }) => name) as [string, string, string]
  return { session, project, notices, base, first, second }
}
const edits = () => sent.filter(({ command }) => command === 'project.edit')
const onHost = async () => (await server.invoke('app.snapshot', {})).project

it('shows an edit at once, and is what the host has afterwards', async () => {
  const { project, first } = await open()
  project.editModel(first, { weight: 0.25 }, 'Weight')
  expect(project.models[1]!.weight).toBe(0.25)
  await project.settled()
  expect((await onHost()).project).toEqual(project.project)
  expect((await onHost()).undo).toBe('Weight')
})

it('sends of a gesture what is on its way and the last value, as one step of undo', async () => {
  const { project, first } = await open()
  for (const weight of [0.1, 0.2, 0.3, 0.4]) project.editModel(first, { weight }, 'Weight', 'weight')
  expect(project.models[1]!.weight).toBe(0.4)
  await project.settled()
  expect(edits()).toHaveLength(2)
  expect((await onHost()).project.models[1]!.weight).toBe(0.4)
  expect(await project.undo()).toBe(true)
  expect(project.models[1]!.weight).toBe(1)
  expect((await onHost()).undo).toBeNull()
})

it('takes back an edit that the host refuses and says why; the others that wait are made', async () => {
  const { project, notices, first, second } = await open()
  project.editModel(first, { weight: 0.25 }, 'Weight')
  project.editModel(first, { name: second }, 'Rename')
  project.editModel(second, { weight: 0.75 }, 'Weight')
  project.editPreview({ steps: 7 }, 'Steps')
  expect(project.project.preview.steps).toBe(7)
  await project.settled()
  const host = await onHost()
  expect(host.project.models.slice(1, 3)).toMatchObject([
    { name: first, weight: 0.25 },
    { name: second, weight: 0.75 },
  ])
  expect(host.project.preview.steps).toBe(7)
  expect(project.project).toEqual(host.project)
  expect(notices.notices).toHaveLength(1)
  expect(notices.notices[0]!.words).toContain(second)
})

it('shows what the host has, and says so once, where the host does not answer', async () => {
  const { project, notices, first } = await open()
  await server.close()
  project.editModel(first, { weight: 0.25 }, 'Weight')
  project.editPreview({ steps: 7 }, 'Steps')
  await project.settled()
  expect(project.models[1]!.weight).toBe(1)
  expect(notices.notices.map(({ words }) => words)).toEqual(['FeatureFusion Studio does not answer.'])
  server = await TestServer.start()
})

it('is not set back by an answer that comes later than the event of a newer edit', async () => {
  const { project, base, first } = await open()
  let release = (): void => undefined
  gate = new Promise((resolve) => (release = resolve))
  project.editModel(first, { weight: 0.25 }, 'Weight')
  await eventually(async () => expect((await onHost()).undo).toBe('Weight'))
  const { preview } = (await onHost()).project
  // Another window of the same program.
  await server.invoke('project.edit', {
    edits: [{ type: 'set-preview', preview: { ...preview, steps: 9 } }],
    label: 'Steps',
  })
  await eventually(() => expect(project.project.preview.steps).toBe(9))
  release()
  await project.settled()
  expect(project.project.preview.steps).toBe(9)
  expect(project.base!.name).toBe(base)
})

it('waits for its edits before a command that needs them', async () => {
  const { project, first } = await open()
  project.editModel(first, { weight: 0.25 }, 'Weight')
  await project.run(async () => (await onHost()) as never)
  expect(project.models[1]!.weight).toBe(0.25)
  expect(sent.at(-1)!.command).toBe('project.edit')
})
