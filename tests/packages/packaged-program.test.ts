import { createHash } from 'node:crypto'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { extractAll } from '@electron/asar'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { version } from '../../package.json'
import { makePackage, type MadePackage, type System } from './make-package'
import { printedAddress, ServeClient } from '../serve-client'
import type { Target } from './electron-stand-in'

const TARGETS: readonly string[] = ['linux', 'win32', 'darwin'] satisfies Target[]
const here = { target: process.platform, arch: process.arch } as System
/** The packaged main process, over a stand-in for the module `electron`. */
const MAIN = ['--import', resolve('tests/packages/use-electron-module.mjs'), 'out/main/main.js', '--cli', '--']
const CLI = ['out/main/cli.js']

// What lies in the package is run by plain Node: Electron's own binary cannot be had everywhere.
describe.runIf(TARGETS.includes(here.target))('the packaged program', () => {
  let made: MadePackage
  let program: string
  let work: string

  beforeAll(async () => {
    made = await makePackage(here)
    work = mkdtempSync(join(tmpdir(), 'packaged-'))
    // Electron reads the archive as a folder of its name.
    program = join(work, 'resources', 'app.asar')
    mkdirSync(join(work, 'resources'))
    extractAll(join(made.resources, 'app.asar'), program)
    renameSync(join(made.resources, 'app.asar.unpacked'), `${program}.unpacked`)
  })
  afterAll(() => {
    made?.remove()
    rmSync(work, { recursive: true, force: true })
  })

  const environment = (): NodeJS.ProcessEnv => ({ ...process.env, XDG_CACHE_HOME: join(work, 'cache') })
  const run = (entry: readonly string[], args: readonly string[], folder = program): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [...entry, ...args], { cwd: folder, encoding: 'utf8', env: environment() })

  it.each([
    ['command line', CLI],
    ['main process', MAIN],
  ])('as %s says its version, and refuses what it does not know', (_name, entry) => {
    expect(run(entry, ['--version'])).toMatchObject({ stdout: `${version}\n`, status: 0 })
    expect(run(entry, ['merge', '--nothing'])).toMatchObject({ status: 2 })
  })

  it('merges to the same bytes as the program that is not packaged', () => {
    const demo = join(`${program}.unpacked`, 'resources', 'demo')
    const merge = (entry: readonly string[], name: string, folder?: string): string => {
      const out = join(work, name)
      const models = ['--base', join(demo, 'base'), '--specialist', `food=${join(demo, 'food', 'unet')}@0.5`]
      expect(run(entry, ['merge', ...models, '--method', 'soup', '--out', out], folder)).toMatchObject({ status: 0 })
      const weights = readFileSync(join(out, 'unet', 'diffusion_pytorch_model.safetensors'))
      return createHash('sha256').update(weights).digest('hex')
    }
    const expected = merge(CLI, 'here', resolve('.'))
    expect(merge(CLI, 'packaged')).toBe(expected)
    expect(merge(MAIN, 'main')).toBe(expected)
  })

  it('draws a picture', () => {
    const out = join(work, 'pictures')
    const model = join(`${program}.unpacked`, 'resources', 'demo', 'base')
    const args = ['generate', '--model', model, '--prompt', 'pizza', '--steps', '2', '--device', 'cpu', '--out', out]
    expect(run(CLI, args)).toMatchObject({ status: 0 })
  })

  it('tries devices in utility processes', () => {
    const { stdout, status } = run(MAIN, ['devices', '--json'])
    expect(status).toBe(0)
    expect(JSON.parse(String(stdout))).toContainEqual(expect.objectContaining({ provider: 'cpu', available: true }))
  })

  it('serves the interface, with the compute process as a utility process, and ends when it is told to', async () => {
    const args = ['serve', '--demo', '--data', join(work, 'data'), '--allow', work]
    const server = spawn(process.execPath, [...MAIN, ...args], { cwd: program, env: environment() })
    try {
      const client = new ServeClient(await printedAddress(server))
      expect((await client.get('/')).text).toContain('<title>FeatureFusion Studio</title>')
      expect((await client.get('/third-party.txt')).text).toContain('onnxruntime-node')
      const started = await client.invoke('inspect.start', {})
      expect(await client.jobIn(['done', 'failed'], started)).toMatchObject({ state: 'done' })
    } finally {
      server.kill('SIGTERM')
    }
    expect(await once(server, 'exit')).toEqual([0, null])
  })
})
