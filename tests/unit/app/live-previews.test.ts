import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { EventHub } from '../../../src-main/app/event-hub'
import { JobQueue } from '../../../src-main/app/jobs/job-queue'
import { LivePreviews, type LivePreviewHost } from '../../../src-main/app/previews/live-previews'
import { ProjectStore } from '../../../src-main/app/project-store'
import type { ComputeEvent } from '../../../src-main/contract/protocol/compute'
import type { TaskOf } from '../../../src-main/contract/protocol/compute-tasks'
import { FusionError } from '../../../src-main/contract/errors'
import { Cache } from '../../../src-main/project/cache'
import { demoProject } from '../../../src-main/project/demo-project'
import { DEMO } from '../demo-family'
import { eventually } from '../renderer-stores/page'

interface Task {
  task: TaskOf<'live'>
  emit: (event: ComputeEvent) => void
  end: () => void
  fail: (error: FusionError) => void
}

let folder: string
let queue: JobQueue
let project: ProjectStore
let live: LivePreviews
/** What the compute process was given, oldest first. */
let tasks: Task[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'live-'))
  tasks = []
  const events = new EventHub()
  queue = new JobQueue(events.emit)
  project = await ProjectStore.open(folder, events.emit)
  project.replace(await demoProject(DEMO))
  const compute = {
    keepWhenIdle: () => undefined,
    run: (task: TaskOf<'live'>, { signal, onEvent }: { signal: AbortSignal; onEvent: Task['emit'] }) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new FusionError('cancelled', 'Cancelled.')))
        tasks.push({ task, emit: onEvent, end: () => resolve({ kind: 'live' }), fail: reject })
      }),
  }
  const host = {
    ...{ events, queue, project, compute, cache: new Cache(join(folder, 'cache')) },
    readableProject: async () => project.state.project,
    device: () => Promise.resolve({}),
  }
  live = new LivePreviews(host as unknown as LivePreviewHost)
})
afterEach(async () => {
  await live.set(false)
  await project.close()
  rmSync(folder, { recursive: true })
})

/** A job of another kind that runs until it is told to end. */
function occupyQueue(): () => void {
  let end = (): void => undefined
  queue.add({
    kind: 'hash',
    title: 'other',
    run: () => new Promise((resolve) => (end = () => resolve({ kind: 'hash', files: [] }))),
  })
  return () => end()
}

function weigh(weight: number): void {
  const model = project.state.project.models[1]!
  project.edit([{ type: 'set-model', name: model.name, model: { ...model, weight } }], 'Weigh')
}

const weightOf = ({ task }: Task): number => task.model.merge!.models[1]!.weight
const liveJobs = () => queue.list().filter(({ kind }) => kind === 'live')

/** Every picture of a stage, as the compute process tells them. */
function draw(task: Task, stage: 0 | 1): void {
  for (const { id } of task.task.stages[stage]!) task.emit({ type: 'picture', id, width: 8, height: 8 })
}

it('draws the latest state once its turn comes, however often a slider moved while it was queued', async () => {
  const end = occupyQueue()
  await live.set(true)
  await eventually(() => expect(liveJobs()).toHaveLength(1))
  for (const weight of [0.2, 0.4, 0.6]) {
    weigh(weight)
    await eventually(() => expect(liveJobs()).toHaveLength(1))
  }
  expect(tasks).toHaveLength(0)
  end()
  await eventually(() => expect(weightOf(tasks.at(-1)!)).toBe(0.6))
  draw(tasks.at(-1)!, 1)
  tasks.at(-1)!.end()
  await eventually(() => expect(live.state).toMatchObject({ stage: 'shown', current: true }))
  weigh(0.8)
  await eventually(() => expect(weightOf(tasks.at(-1)!)).toBe(0.8))
})

it.each(['queued', 'running'] as const)(
  'is off once a person cancels its job while it is %s, and can be turned on again',
  async (when) => {
    const end = occupyQueue()
    if (when === 'running') end()
    await live.set(true)
    await eventually(() => expect(liveJobs()[0]).toMatchObject({ state: when }))
    if (when === 'running') await eventually(() => expect(tasks).toHaveLength(1))
    queue.cancel(liveJobs()[0]!.id)
    await eventually(() => expect(live.state.stage).toBe('off'))
    expect(liveJobs()).toEqual([])
    end()
    const before = tasks.length
    await live.set(true)
    await eventually(() => expect(tasks).toHaveLength(before + 1))
  },
)

it('can be turned off while it is queued, and on again', async () => {
  const end = occupyQueue()
  await live.set(true)
  await eventually(() => expect(liveJobs()).toHaveLength(1))
  await live.set(false)
  expect(liveJobs()).toEqual([])
  await live.set(true)
  end()
  await eventually(() => expect(tasks).toHaveLength(1))
})

it('cuts what is drawn of an older state, unless its draft takes a moment: then that is shown first', async () => {
  await live.set(true)
  await eventually(() => expect(tasks).toHaveLength(1))
  weigh(0.2)
  await eventually(() => expect(tasks).toHaveLength(2))
  draw(tasks[1]!, 0)
  draw(tasks[1]!, 1)
  tasks[1]!.end()
  await eventually(() => expect(live.state.stage).toBe('shown'))

  weigh(0.4)
  await eventually(() => expect(tasks).toHaveLength(3))
  weigh(0.6)
  await eventually(() => expect(live.state.current).toBe(false))
  expect(tasks).toHaveLength(3)
  draw(tasks[2]!, 0)
  expect(live.state.pictures.every(({ url }) => url !== null)).toBe(true)
  await eventually(() => expect(tasks).toHaveLength(4))
  expect(weightOf(tasks[3]!)).toBe(0.6)
})

it('says what failed, and draws the next state', async () => {
  await live.set(true)
  await eventually(() => expect(tasks).toHaveLength(1))
  tasks[0]!.fail(new FusionError('not-finite', 'NaN.'))
  await eventually(() => expect(live.state.error).toMatchObject({ kind: 'not-finite' }))
  expect(liveJobs()[0]).toMatchObject({ state: 'failed' })
  weigh(0.2)
  await eventually(() => expect(tasks).toHaveLength(2))
  expect(live.state.error).toBeNull()
})

it('merges from contributions while it is on, without a step of undo, also after undo and in another project', async () => {
  weigh(0.2)
  await live.set(true)
  await eventually(() => expect(project.state.project.method.reuse).toBe(true))
  expect(project.state.undo).toBe('Weigh')
  project.undo()
  expect(project.state.project.method.reuse).toBe(true)
  project.replace(await demoProject(DEMO))
  await eventually(() => expect(project.state.project.method.reuse).toBe(true))
  expect(live.state.stage).not.toBe('off')
})

it('takes away the pictures of a family that is open no more', async () => {
  await live.set(true)
  await eventually(() => expect(tasks).toHaveLength(1))
  draw(tasks[0]!, 0)
  expect(live.state.pictures).not.toEqual([])
  const { models, ...rest } = project.state.project
  project.replace({ ...rest, models: models.slice(1) })
  expect(live.state.pictures).toEqual([])
})
