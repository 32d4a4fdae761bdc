import { expect, it } from 'vitest'
import { computeMessageSchema, computeRequestSchema } from '../../../src-main/contract/protocol/compute'
import { COMPUTE_TASKS } from '../../../src-main/contract/protocol/compute-tasks'
import { JOB_KINDS, jobResultSchema } from '../../../src-main/contract/jobs'

const run = (task: unknown) => computeRequestSchema.safeParse({ type: 'run', id: 1, task })
const done = (result: unknown) => computeMessageSchema.safeParse({ type: 'done', id: 1, result, memory: 1, held: 0 })

it('a task is accepted with its own input, and with no other', () => {
  const task = { type: 'hash', paths: ['/a'], cacheFolder: '/cache' }
  expect(run(task).data).toEqual({ type: 'run', id: 1, task })
  expect(run({ ...task, paths: '/a' }).success).toBe(false)
  expect(run({ ...task, type: 'inspect' }).success).toBe(false)
  expect(run({ ...task, type: 'none' }).success).toBe(false)
})

it('a result is accepted with its own fields, and with no others', () => {
  expect(done({ kind: 'evaluate', rows: 2 }).data).toMatchObject({ result: { kind: 'evaluate', rows: 2 } })
  expect(done({ kind: 'evaluate', layers: 2 }).success).toBe(false)
  expect(done({ kind: 'none' }).success).toBe(false)
})

it('jobs are all tasks but short ones and those that nobody waits for', () => {
  expect([...JOB_KINDS, 'forecast', 'ancestry', 'card-picture', 'sheet'].sort()).toEqual(
    Object.keys(COMPUTE_TASKS).sort(),
  )
  expect(jobResultSchema.safeParse({ kind: 'live' }).success).toBe(true)
  expect(jobResultSchema.safeParse({ kind: 'forecast', forecast: {} }).success).toBe(false)
})
