import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { constants, getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ComputeSupervisor } from '../../../src-main/app/jobs/compute-supervisor'
import type { TaskOf } from '../../../src-main/contract/protocol/compute-tasks'
import type { ComputeState } from '../../../src-main/contract/state'
import { family } from '../demo-family'
import { forkBuilt } from './compute'

let folder: string
let small: string
let huge: string
let states: ComputeState[]
let supervisor: ComputeSupervisor

function start(options: Partial<ConstructorParameters<typeof ComputeSupervisor>[0]> = {}): ComputeSupervisor {
  return new ComputeSupervisor({
    fork: forkBuilt,
    onState: (state) => states.push(state),
    log: () => undefined,
    ...options,
  })
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'supervisor-'))
  small = join(folder, 'small')
  huge = join(folder, 'huge')
  writeFileSync(small, 'abc')
  writeFileSync(huge, '')
  truncateSync(huge, 2 ** 38) // sparse: minutes of hashing, no disk
  states = []
  supervisor = start()
})
afterEach(() => {
  supervisor.stop()
  rmSync(folder, { recursive: true })
})

const hash = (path: string) => ({ type: 'hash' as const, paths: [path], cacheFolder: join(folder, 'cache') })
const SHA256_OF_ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'

/** Resolves when the task tells its first progress. */
function startHuge(signal?: AbortSignal): { done: Promise<unknown>; working: Promise<void> } {
  let markWorking = (): void => undefined
  const working = new Promise<void>((resolve) => (markWorking = resolve))
  const done = supervisor.run(hash(huge), { ...(signal && { signal }), onEvent: () => markWorking() })
  done.catch(() => undefined)
  return { done, working }
}

describe('the supervisor over the real compute process', () => {
  it('starts a process at the first task, and keeps it', async () => {
    expect(supervisor.pid).toBeUndefined()
    const result = await supervisor.run(hash(small))
    expect(result.files).toEqual([{ path: small, sha256: SHA256_OF_ABC }])
    const { pid } = supervisor
    await supervisor.run(hash(small))
    expect(supervisor.pid).toBe(pid)
    expect(states.map(({ state }) => state)).toEqual(['starting', 'ready'])
  })

  it('gives way to other programs where it shall, from the next process on', async () => {
    let lowPriority = false
    supervisor = start({ lowPriority: () => lowPriority })
    await supervisor.run(hash(small))
    const usual = getPriority(supervisor.pid)
    lowPriority = true
    supervisor.renew()
    await supervisor.run(hash(small))
    expect(getPriority(supervisor.pid)).toBe(Math.max(usual, constants.priority.PRIORITY_LOW))
    const { pid } = supervisor
    const task = supervisor.run(hash(small))
    lowPriority = false
    supervisor.renew()
    await task
    expect(supervisor.pid).toBeUndefined()
    await supervisor.run(hash(small))
    expect(supervisor.pid).not.toBe(pid)
    expect(getPriority(supervisor.pid)).toBe(usual)
  })

  it('hands on the errors of a task, and goes on', async () => {
    await expect(supervisor.run(hash(join(folder, 'missing')))).rejects.toMatchObject({ name: 'FusionError' })
    await expect(supervisor.run(hash(small))).resolves.toBeDefined()
  })

  it('refuses a second task at once', async () => {
    const { done, working } = startHuge()
    await working
    await expect(supervisor.run(hash(small))).rejects.toMatchObject({ kind: 'internal' })
    supervisor.stop()
    await expect(done).rejects.toMatchObject({ kind: 'cancelled' })
  })

  it('reports a process that is killed, starts it again, and serves the next task', async () => {
    const { done, working } = startHuge()
    await working
    const pid = supervisor.pid!
    process.kill(pid, 'SIGKILL')
    await expect(done).rejects.toMatchObject({ kind: 'compute-died', message: expect.stringContaining('SIGKILL') })
    expect(states.at(-1)).toMatchObject({ state: 'restarting', died: { kind: 'compute-died' } })
    await expect(supervisor.run(hash(small))).resolves.toBeDefined()
    expect(supervisor.pid).not.toBe(pid)
    expect(states.at(-1)).toMatchObject({ state: 'ready' })
  })

  it('does not start one over and over that dies before it has done anything', async () => {
    supervisor = start({ fork: () => dyingChild() })
    await expect(supervisor.run(hash(small))).rejects.toMatchObject({ kind: 'compute-died' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(states.map(({ state }) => state)).toEqual(['starting', 'restarting', 'idle'])
  })

  it('cancels soon, and keeps the process', async () => {
    const abort = new AbortController()
    const { done, working } = startHuge(abort.signal)
    await working
    const { pid } = supervisor
    const started = performance.now()
    abort.abort()
    await expect(done).rejects.toMatchObject({ kind: 'cancelled' })
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(supervisor.pid).toBe(pid)
  })

  it.skipIf(process.platform === 'win32')('cancels what does not listen, by its end', async () => {
    const abort = new AbortController()
    const { done, working } = startHuge(abort.signal)
    await working
    const pid = supervisor.pid!
    process.kill(pid, 'SIGSTOP')
    const started = performance.now()
    abort.abort()
    await expect(done).rejects.toMatchObject({ kind: 'cancelled' })
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(supervisor.pid).toBeUndefined()
    await expect(supervisor.run(hash(small))).resolves.toBeDefined()
    expect(supervisor.pid).not.toBe(pid)
  })

  it('cancels a task at once that the process has not got yet', async () => {
    const abort = new AbortController()
    const done = supervisor.run(hash(huge), { signal: abort.signal })
    const started = performance.now()
    abort.abort()
    await expect(done).rejects.toMatchObject({ kind: 'cancelled' })
    expect(performance.now() - started).toBeLessThan(10_000)
    const { pid } = supervisor
    await supervisor.run(hash(small))
    expect(supervisor.pid).toBe(pid)
  })

  it('ends a process that has nothing to do, with the model that it has loaded, and starts one when there is', async () => {
    supervisor = start({ idleMs: 50 })
    const draw = async (id: string): Promise<void> => {
      await expect(supervisor.run(drawing(id))).resolves.toEqual({ kind: 'preview', pictures: 1 })
      expect(existsSync(join(folder, `${id}.png`))).toBe(true)
    }
    await draw('first')
    const pid = supervisor.pid!
    await expect.poll(() => states.at(-1)?.state).toBe('idle')
    expect(supervisor.pid).toBeUndefined()
    await expect.poll(() => isAlive(pid)).toBe(false)
    await draw('second')
    expect(states).not.toContainEqual(expect.objectContaining({ state: 'restarting' }))
    expect(states.every(({ died }) => died === null)).toBe(true)
  })

  it('ends a process whose first task was withdrawn before it was there', async () => {
    supervisor = start({ idleMs: 50 })
    const abort = new AbortController()
    const done = supervisor.run(hash(small), { signal: abort.signal })
    const pid = supervisor.pid!
    abort.abort()
    await expect(done).rejects.toMatchObject({ kind: 'cancelled' })
    await expect.poll(() => isAlive(pid)).toBe(false)
  })

  it('starts none after it was closed', async () => {
    await supervisor.run(hash(small))
    const pid = supervisor.pid!
    supervisor.close()
    await expect(supervisor.run(hash(small))).rejects.toMatchObject({ kind: 'cancelled' })
    expect(supervisor.pid).toBeUndefined()
    await expect.poll(() => isAlive(pid)).toBe(false)
  })

  it('replaces a process after so many tasks, and one that has grown', async () => {
    supervisor = start({ recycleAfterTasks: 2 })
    await supervisor.run(hash(small))
    expect(supervisor.pid).toBeDefined()
    await supervisor.run(hash(small))
    expect(supervisor.pid).toBeUndefined()
    supervisor = start({ memoryLimitBytes: 1 })
    await supervisor.run(hash(small))
    expect(supervisor.pid).toBeUndefined()
  })
})

/** A picture of the demo's base, in few steps. */
function drawing(id: string): TaskOf<'preview'> {
  const { path } = family.base
  const picture = { id, model: 'base', file: join(folder, `${id}.png`), prompt: 'a ship', negativePrompt: '', seed: 1 }
  return {
    type: 'preview',
    models: [{ key: 'base', path, base: path, merge: null }],
    pictures: [{ ...picture, steps: 2, guidance: 2, scheduler: 'ddim' }],
    device: { provider: 'cpu', available: true },
    cacheFolder: join(folder, 'cache'),
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Ends as soon as it is started. */
function dyingChild(): ReturnType<typeof forkBuilt> {
  return {
    pid: undefined,
    post: () => undefined,
    onMessage: () => undefined,
    onExit: (listener) => setTimeout(() => listener('with code 1'), 5),
    kill: () => undefined,
  }
}
