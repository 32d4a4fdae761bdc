import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DataLock } from '../../../src-main/app/files/data-lock'

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'))
  file = join(folder, 'studio.lock')
})
afterEach(() => rmSync(folder, { recursive: true }))

const acquire = (times: { beatMs?: number; quietMs?: number } = {}): Promise<DataLock> =>
  DataLock.acquire(folder, 'a test', { hint: 'Take another.', ...times })

/** A lock as another process left it, not touched for `ageMs`. */
function leave(record: { pid: number; host?: string }, ageMs = 0): void {
  const text = JSON.stringify({ id: 'other', holder: 'another program', host: hostname(), since: 0, ...record })
  writeFileSync(file, text)
  const touched = new Date(Date.now() - ageMs)
  utimesSync(file, touched, touched)
}

const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid

describe('the lock of a data folder', () => {
  it('keeps a second one out, and says who holds it and what to do', async () => {
    const lock = await acquire()
    await expect(acquire()).rejects.toMatchObject({
      kind: 'target',
      message: expect.stringContaining(`a test, process ${process.pid} on ${hostname()}`),
      hint: 'Take another.',
    })
    await lock.release()
    expect(existsSync(file)).toBe(false)
    await (await acquire()).release()
  })

  it('is taken over at once when its process was killed', async () => {
    leave({ pid: deadPid() })
    const started = performance.now()
    const lock = await acquire()
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ pid: process.pid })
    await lock.release()
  })

  it('is taken over from a process before this one that had the same id', async () => {
    leave({ pid: process.pid })
    await (await acquire()).release()
  })

  it('is not taken from a process that runs', async () => {
    const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'])
    try {
      leave({ pid: other.pid! })
      await expect(acquire()).rejects.toMatchObject({ message: expect.stringContaining(`process ${other.pid}`) })
    } finally {
      other.kill('SIGKILL')
    }
  })

  it.each([
    ['of another machine', { pid: 1, host: 'another' }],
    ['whose process id belongs to somebody else now', { pid: process.ppid }],
  ])('%s is taken over when nobody touches it, not before', async (_which, record) => {
    leave(record)
    await expect(acquire({ quietMs: 500 })).rejects.toMatchObject({ kind: 'target' })
    leave(record, 1000)
    await (await acquire({ quietMs: 100 })).release()
  })

  it('is not taken over while its holder touches it, however the clocks differ', async () => {
    leave({ pid: 1, host: 'another' }, 3_600_000)
    const beat = setInterval(() => {
      const hourAgo = new Date(Date.now() - 3_600_000)
      utimesSync(file, hourAgo, hourAgo)
    }, 20)
    await expect(acquire({ quietMs: 100 })).rejects.toMatchObject({ kind: 'target' })
    clearInterval(beat)
  })

  it('is touched while it is held', async () => {
    const lock = await acquire({ beatMs: 10 })
    const old = new Date(0)
    utimesSync(file, old, old)
    await expect(acquire({ quietMs: 300 })).rejects.toMatchObject({ kind: 'target' })
    await lock.release()
  })

  it('goes to one of many that take a dead one at once', async () => {
    const pid = deadPid()
    for (let round = 0; round < 10; round++) {
      leave({ pid })
      const won = await Promise.allSettled(Array.from({ length: 8 }, () => acquire()))
      const locks = won.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      expect(locks).toHaveLength(1)
      await locks[0]!.release()
    }
  })

  it.each(['', '{', '[]', '{"pid":"x"}'])(
    'that says nothing (%j) is taken over when nobody touches it',
    async (text) => {
      writeFileSync(file, text)
      await expect(acquire()).rejects.toMatchObject({ kind: 'target' })
      utimesSync(file, new Date(0), new Date(0))
      await (await acquire({ quietMs: 50 })).release()
    },
  )

  it('that was taken away is not removed from its new holder', async () => {
    const lock = await acquire()
    leave({ pid: 1, host: 'another' })
    await lock.release()
    expect(existsSync(file)).toBe(true)
  })

  it('tells of a folder that cannot be one', async () => {
    writeFileSync(join(folder, 'plain'), '')
    const refused = DataLock.acquire(join(folder, 'plain'), 'a test', { hint: 'Take another.' })
    await expect(refused).rejects.toMatchObject({
      kind: 'target',
      message: expect.stringContaining('cannot be written'),
    })
  })
})
