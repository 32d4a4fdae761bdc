import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { COMPUTE_FILE } from '../app/compute'

const CLI = join(dirname(COMPUTE_FILE), 'cli.js')

interface Served {
  process: ChildProcess
  /** The port that it serves; rejects with what it said where it ended instead. */
  port: Promise<number>
  /** Exit code (null: killed) and standard error. */
  ended: Promise<{ code: number | null; stderr: string }>
}

let folder: string
let started: ChildProcess[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'serve-process-'))
  started = []
})
afterEach(() => {
  for (const child of started) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** `featurefusion serve`, as it is built. */
function serve(...args: string[]): Served {
  const env = {
    ...process.env,
    FEATUREFUSION_DATA: join(folder, 'data'),
    FEATUREFUSION_CACHE: join(folder, 'cache'),
  }
  const child = spawn(process.execPath, [CLI, 'serve', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  started.push(child)
  let stderr = ''
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
  const ended = new Promise<{ code: number | null; stderr: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, stderr })),
  )
  const port = new Promise<number>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => {
      const found = /^http:\/\/\S+:(\d+)\/\?token=/.exec(text.toString())
      if (found) resolve(Number(found[1]))
    })
    void ended.then(() => reject(new Error(stderr)))
  })
  port.catch(() => undefined)
  return { process: child, port, ended }
}

describe.skipIf(process.platform === 'win32')('featurefusion serve', () => {
  it('ends soon after Ctrl+C, and gives its folder free', async () => {
    const { process: child, port, ended } = serve()
    const open = await fetch(`http://127.0.0.1:${await port}/`)
    expect(open.status).toBe(401)
    const asked = performance.now()
    child.kill('SIGINT')
    expect(await ended).toEqual({ code: 0, stderr: '' })
    expect(performance.now() - asked).toBeLessThan(10_000)
    expect(existsSync(join(folder, 'data', 'studio.lock'))).toBe(false)
  })

  it('refuses a data folder that another one uses, takes one of its own, and that of one that was killed', async () => {
    const first = serve()
    await first.port
    const second = await serve().ended
    expect(second.code).toBe(1)
    expect(second.stderr).toContain(`in use by featurefusion serve, process ${first.process.pid} `)
    expect(second.stderr).toContain('--data FOLDER')
    const other = serve('--data', join(folder, 'other'))
    await other.port
    expect(existsSync(join(folder, 'other', 'studio.lock'))).toBe(true)
    first.process.kill('SIGKILL')
    await first.ended
    await serve().port
  })

  it('names a port that is taken, and the way out', async () => {
    const port = await serve().port
    const { code, stderr } = await serve('--port', String(port), '--data', join(folder, 'other')).ended
    expect(code).toBe(1)
    expect(stderr).toContain(`Error: Port ${port} of 127.0.0.1 is in use by another program.`)
    expect(stderr).toContain('--port 0')
  })
})
