import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it, onTestFinished, vi } from 'vitest'
import { temporaryFolder } from '../unit/engine/merge/models'
import { CommandLine } from './support/command-line'
import { ServedProgram } from './support/served'

// Processes that are started while other tests keep the machine busy.
vi.setConfig({ testTimeout: 90_000 })

/** Expected within a second; other tests may keep the processors busy. */
const LIMIT_MS = 10_000
const WATCH = 'src-main/engine/runtime/host-watch.cjs'

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !isZombie(pid)
  } catch {
    return false
  }
}

/** In a container nobody may wait for it: then it has ended, and its id stays. */
function isZombie(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim().startsWith('Z')
}

/** Milliseconds until a process is gone. */
async function untilGone(pid: number): Promise<number> {
  const since = performance.now()
  while (isAlive(pid) && performance.now() - since < LIMIT_MS) await delay(20)
  return performance.now() - since
}

it.skipIf(process.platform === 'win32')('a process that watches its host ends with it, blocked as it is', async () => {
  const child = `
    const { Worker } = require('node:worker_threads')
    new Worker(${JSON.stringify(readFileSync(WATCH, 'utf8'))}, { eval: true, workerData: process.ppid })
      .once('online', () => {
        process.send('blocked')
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      })`
  const host = spawn(process.execPath, [
    '-e',
    `const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}],
       { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
     child.on('message', () => console.log(child.pid))`,
  ])
  const pid = await new Promise<number>((found) => host.stdout.on('data', (text: Buffer) => found(Number(text))))
  onTestFinished(() => void (isAlive(pid) && process.kill(pid, 'SIGKILL')))
  await delay(500)
  expect(isAlive(pid)).toBe(true)
  host.kill('SIGKILL')
  expect(await untilGone(pid)).toBeLessThan(LIMIT_MS)
})

it.skipIf(process.platform !== 'linux')('the compute process ends when the host of its job is killed', async () => {
  const cli = new CommandLine(temporaryFolder())
  const served = await ServedProgram.start(cli, ['serve', '--demo'], { limitMs: 60_000 })
  const preview = await served.invoke('preview.run', {
    variants: [{ type: 'base' }, { type: 'merge' }, { type: 'soup' }],
  })
  await served.jobIn(['running'], preview)
  const host = served.process.pid!
  const [compute] = await computeOf(host)
  await delay(1000)
  expect(isAlive(compute!)).toBe(true)
  process.kill(host, 'SIGKILL')
  const taken = await untilGone(compute!)
  console.log(`The compute process was gone ${Math.round(taken)} ms after its host.`)
  expect(taken).toBeLessThan(LIMIT_MS)
})

/** Process ids of the compute processes of a host. */
async function computeOf(host: number): Promise<number[]> {
  for (;;) {
    const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(host)], { encoding: 'utf8' })
    const found = [...stdout.matchAll(/^\s*(\d+) .*compute-process\.js/gm)].map(([, pid]) => Number(pid))
    if (found.length > 0) return found
    await delay(50)
  }
}
