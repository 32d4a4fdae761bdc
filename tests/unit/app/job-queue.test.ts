import { beforeEach, describe, expect, it } from 'vitest'
import { JobQueue, type JobContext } from '../../../src-main/app/jobs/job-queue'
import { FusionError } from '../../../src-main/contract/errors'
import type { AppEvent } from '../../../src-main/contract/protocol/events'
import type { Job, JobResult } from '../../../src-main/contract/jobs'

const RESULT: JobResult = { kind: 'hash', files: [] }

let events: AppEvent[]
let queue: JobQueue

beforeEach(() => {
  events = []
  queue = new JobQueue((event) => events.push(event))
})

/** Adds a job that runs until it is told to end. */
function add(title = 'job') {
  let end = (_error?: Error): void => undefined
  let context: JobContext | undefined
  const { id } = queue.add({
    kind: 'hash',
    title,
    run: (given) => {
      context = given
      return new Promise((resolve, reject) => {
        end = (error) => (error ? reject(error) : resolve(RESULT))
        given.signal.addEventListener('abort', () => reject(new FusionError('cancelled', 'Cancelled.')))
      })
    },
  })
  return { id, end: (error?: Error) => end(error), context: () => context, job: () => jobOf(id)! }
}

function jobOf(id: string): Job | undefined {
  return queue.list().find((job) => job.id === id)
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('the job queue', () => {
  it('runs jobs one after another, in order', async () => {
    const [first, second] = [add('first'), add('second')]
    expect(first.job().state).toBe('running')
    expect(second.job().state).toBe('queued')
    first.end()
    await settle()
    expect(first.job()).toMatchObject({ state: 'done', progress: 1, result: RESULT, error: null })
    expect(second.job().state).toBe('running')
  })

  it('runs those that wait in the order that they are given, and tells it', async () => {
    const [first, second, third, fourth] = [add('first'), add('second'), add('third'), add('fourth')]
    expect(queue.move(fourth.id, 0).waiting).toEqual([fourth.id, second.id, third.id])
    expect(queue.move(second.id, 9).waiting).toEqual([fourth.id, third.id, second.id])
    expect(events.at(-1)).toEqual({ type: 'queue', queue: queue.state })
    expect(() => queue.move(first.id, 0)).toThrow(/wait/)
    first.end()
    await settle()
    expect(fourth.job().state).toBe('running')
    fourth.end()
    await settle()
    expect(third.job().state).toBe('running')
  })

  it('begins nothing while it is paused, but what follows a hand', async () => {
    const [first, second] = [add('first'), add('second')]
    expect(queue.pause(true)).toEqual({ paused: true, waiting: [second.id] })
    expect(first.job().state).toBe('running')
    first.end()
    await settle()
    expect(second.job().state).toBe('queued')
    const live = queue.add({ kind: 'live', title: 'live', run: () => Promise.resolve({ kind: 'live' }) })
    await settle()
    expect(jobOf(live.id)!.state).toBe('done')
    await expect(queue.between(() => Promise.resolve(7))).resolves.toBe(7)
    queue.cancel(second.id)
    expect(second.job().state).toBe('cancelled')
    const third = add('third')
    queue.pause(false)
    expect(third.job().state).toBe('running')
  })

  it('never lets progress fall, nor pass 1', async () => {
    const job = add()
    const told: number[] = []
    for (const value of [0.2, 0.1, NaN, 0.5, 0.4, 7]) {
      job.context()!.report('working', value)
      told.push(job.job().progress)
    }
    expect(told).toEqual([0.2, 0.2, 0.2, 0.5, 0.5, 1])
  })

  it('tells at most ten changes a second, and the last one', async () => {
    const job = add()
    events = []
    const started = performance.now()
    let reports = 0
    while (performance.now() - started < 450) {
      job.context()!.report('working', ++reports / 1e6)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await new Promise((resolve) => setTimeout(resolve, 120))
    const most = (performance.now() - started) / 100 + 2
    expect(reports).toBeGreaterThan(most)
    expect(events.length).toBeLessThanOrEqual(most)
    expect(events.at(-1)).toMatchObject({ type: 'job', job: { progress: reports / 1e6 } })
  })

  it('knows how long it will take, once it can', async () => {
    const added = performance.now()
    const job = add()
    job.context()!.report('working', 0.5)
    if (performance.now() - added < 500) expect(job.job().eta).toBeNull()
    await new Promise((resolve) => setTimeout(resolve, 1050))
    job.context()!.report('working', 0.5)
    expect(job.job().eta).toBeGreaterThan(0.9)
    // Half is done: the other half takes as long.
    expect(job.job().eta).toBeLessThan((performance.now() - added) / 1000 + 0.1)
  })

  it('keeps the error of a job as data, and goes on', async () => {
    const [bad, next] = [add(), add()]
    bad.end(new FusionError('not-finite', 'NaN in a.safetensors.', { hint: 'Another file.' }))
    await settle()
    expect(bad.job()).toMatchObject({
      state: 'failed',
      error: { kind: 'not-finite', message: 'NaN in a.safetensors.', hint: 'Another file.' },
    })
    expect(next.job().state).toBe('running')
  })

  it('cancels a queued job without running it, and a running one by its signal', async () => {
    const [running, queued] = [add(), add()]
    queue.cancel(queued.id)
    expect(queued.job().state).toBe('cancelled')
    expect(queued.context()).toBeUndefined()
    queue.cancel(running.id)
    await settle()
    expect(running.job()).toMatchObject({ state: 'cancelled', error: null })
    expect(() => queue.cancel('nobody')).toThrow(expect.objectContaining({ kind: 'not-found' }))
  })

  it('tells every end once, also of a job whose turn never came', async () => {
    const first = add('first')
    const told: string[] = []
    const { id } = queue.add({
      ...{ kind: 'hash', title: 'second', run: () => Promise.resolve(RESULT) },
      onEnd: ({ state }) => told.push(state),
    })
    queue.add({
      ...{ kind: 'hash', title: 'third', run: () => Promise.resolve(RESULT) },
      onEnd: ({ state }) => told.push(state),
    })
    queue.cancel(id)
    expect(told).toEqual(['cancelled'])
    first.end()
    await settle()
    expect(told).toEqual(['cancelled', 'done'])
  })

  it('dismisses what has ended, and only that', async () => {
    const [done, running] = [add(), add()]
    done.end()
    await settle()
    expect(() => queue.dismiss(running.id)).toThrow(expect.objectContaining({ kind: 'validation' }))
    queue.dismiss()
    expect(queue.list().map(({ id }) => id)).toEqual([running.id])
    expect(events.at(-1)).toEqual({ type: 'job-removed', id: done.id })
  })

  it('lets short work in between jobs, before the queued ones', async () => {
    const order: string[] = []
    const first = add('first')
    queue.add({ kind: 'hash', title: 'second', run: async () => (order.push('second'), RESULT) })
    const short = queue.between(async () => order.push('short'))
    await settle()
    expect(order).toEqual([])
    first.end()
    await short
    await settle()
    expect(order).toEqual(['short', 'second'])
    await expect(queue.between(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  })
})

describe('idle work', () => {
  /** Idle work that ends when it is told to, or is cut. */
  function idle(signal = new AbortController().signal) {
    const runs: { signal: AbortSignal; end: () => void }[] = []
    const result = queue.idle(
      (cut) =>
        new Promise<string>((resolve, reject) => {
          runs.push({ signal: cut, end: () => resolve('done') })
          cut.addEventListener('abort', () => reject(new FusionError('cancelled', 'Cancelled.')))
        }),
      signal,
    )
    return { runs, result }
  }

  it('runs while there is no job, and does not count as one', async () => {
    const { runs, result } = idle()
    expect(runs).toHaveLength(1)
    expect(queue.isBusy).toBe(false)
    expect(queue.list()).toEqual([])
    runs[0]!.end()
    expect(await result).toBe('done')
  })

  it('is cut when a job comes, and begins anew after it', async () => {
    const { runs, result } = idle()
    const job = add()
    expect(runs[0]!.signal.aborted).toBe(true)
    await settle()
    expect(job.job().state).toBe('running')
    expect(runs).toHaveLength(1)
    job.end()
    await settle()
    expect(runs).toHaveLength(2)
    runs[1]!.end()
    expect(await result).toBe('done')
  })

  it('waits for jobs that are there, and makes room for short work', async () => {
    const job = add()
    const { runs } = idle()
    expect(runs).toHaveLength(0)
    job.end()
    await settle()
    expect(runs).toHaveLength(1)
    expect(await queue.between(() => Promise.resolve('short'))).toBe('short')
    await settle()
    expect(runs).toHaveLength(2)
  })

  it('is given up for good by its own signal, whether it runs or waits', async () => {
    const abort = new AbortController()
    const job = add()
    const waiting = idle(abort.signal)
    abort.abort(new FusionError('cancelled', 'Not wanted.'))
    await expect(waiting.result).rejects.toThrow('Not wanted.')
    job.end()
    await settle()
    expect(waiting.runs).toHaveLength(0)

    const other = new AbortController()
    const running = idle(other.signal)
    other.abort(new FusionError('cancelled', 'Not wanted.'))
    await expect(running.result).rejects.toThrow()
    expect(running.runs[0]!.signal.aborted).toBe(true)
  })

  it('rests while it is paused', async () => {
    queue.pauseIdle(true)
    const { runs } = idle()
    expect(runs).toHaveLength(0)
    queue.pauseIdle(false)
    expect(runs).toHaveLength(1)
    queue.pauseIdle(true)
    await settle()
    expect(runs[0]!.signal.aborted).toBe(true)
    expect(runs).toHaveLength(1)
  })
})
