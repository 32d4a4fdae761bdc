import { chmodSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { DEMO, family, prompts } from '../unit/demo-family'
import { temporaryFolder } from '../unit/engine/merge/models'
import { CommandLine } from './support/command-line'
import { ServedProgram } from './support/served'

// Processes that are started while other tests keep the machine busy.
vi.setConfig({ testTimeout: 90_000 })

const LIMITS = { limitMs: 60_000 }
const model = family.base.path
const specialist = family.specialists[0]!
const MERGE = ['--base', model, '--specialist', `${specialist.name}=${specialist.path}`]

const COMMANDS: Readonly<Record<string, (out: string) => string[]>> = {
  open: () => ['open', model],
  devices: () => ['devices'],
  generate: (out) => [
    ...['generate', '--model', model, '--prompt', prompts[0]!, '--steps', '1', '--device', 'cpu'],
    ...['--out', join(out, 'pictures')],
  ],
  merge: (out) => ['merge', ...MERGE, '--reuse', '--out', join(out, 'merged')],
  evaluate: () => [
    'evaluate',
    '--base',
    model,
    '--model',
    model,
    '--data',
    join(DEMO, 'evaluation'),
    '--pictures',
    '1',
  ],
}

/** Permissions of everything in a folder that others could use, by path. */
function openToOthers(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const { mode } = lstatSync(join(folder, name))
    return (mode & 0o077) === 0 ? [] : [`${name} ${(mode & 0o777).toString(8)}`]
  })
}

describe.skipIf(process.platform === 'win32')('folders of the program', () => {
  const below = (cli: CommandLine): string => {
    const file = join(cli.folder, 'file')
    writeFileSync(file, '')
    return join(file, 'below')
  }
  const homeless = { HOME: '/proc', XDG_CACHE_HOME: undefined, XDG_CONFIG_HOME: undefined }

  it.each(Object.keys(COMMANDS))('%s works without home and cache, and says so once', async (name) => {
    const cli = new CommandLine(temporaryFolder())
    const env = { ...homeless, FEATUREFUSION_CACHE: undefined, FEATUREFUSION_DATA: undefined, TMPDIR: cli.data }
    const ended = await cli.run([...COMMANDS[name]!(cli.folder), '--json'], { ...LIMITS, env })
    expect(ended, ended.stderr).toMatchObject({ code: 0, hung: false })
    expect(JSON.parse(ended.stdout)).toBeTruthy()
    if (name !== 'devices') expect(ended.stderr.match(/Note: the cache folder cannot be used/g)).toHaveLength(1)
    expect(readdirSync(cli.data)).toEqual([]) // what was temporary is gone
  })

  it('a cache folder below a regular file is as good as none', async () => {
    const cli = new CommandLine(temporaryFolder())
    const ended = await cli.run([...COMMANDS['open']!(cli.folder), '--json'], {
      ...LIMITS,
      env: { FEATUREFUSION_CACHE: below(cli) },
    })
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    expect(ended.stderr).toContain('Nothing is kept for the next time.')
  })

  it('serve works without home, with its document in a temporary folder that it names', async () => {
    const cli = new CommandLine(temporaryFolder())
    const env = { ...homeless, FEATUREFUSION_CACHE: undefined, FEATUREFUSION_DATA: undefined, TMPDIR: cli.data }
    const served = await ServedProgram.start(cli, ['serve', '--demo', '--allow', cli.home], { ...LIMITS, env })
    expect(await served.jobIn(['done', 'failed'], await served.invoke('inspect.start', {}))).toMatchObject({
      state: 'done',
    })
    const { code, stderr } = await served.stop()
    expect(code).toBe(0)
    const [kept] = readdirSync(cli.data)
    expect(stderr).toContain(`are kept in ${join(cli.data, kept!)}.`)
    expect(readdirSync(join(cli.data, kept!))).toContain('autosave.json')
  })

  it('serve refuses in words a data folder that was named and cannot be made', async () => {
    const cli = new CommandLine(temporaryFolder())
    const { code, stderr } = await cli.run(['serve', '--data', below(cli)])
    expect(code).toBe(1)
    expect(stderr).toContain(`The data folder ${below(cli)} cannot be written to.`)
  })

  it.skipIf(process.platform !== 'linux').each(['generate', 'merge'])(
    '%s below /proc is refused in words',
    async (name) => {
      const { code, stderr, hung } = await new CommandLine(temporaryFolder()).run(COMMANDS[name]!('/proc/none'), LIMITS)
      expect({ code, hung }, stderr).toEqual({ code: 1, hung: false })
      expect(stderr).toMatch(/^Error: The folder \/proc\/none.* cannot be made\.$/m)
    },
  )

  it.each(['devices', 'merge'])('%s with 64 files that may be open works, or fails in words', async (name) => {
    const cli = new CommandLine(temporaryFolder())
    const prefix = ['sh', '-c', 'ulimit -n 64; exec "$@"', 'sh']
    const { code, stderr, hung } = await cli.run(COMMANDS[name]!(cli.folder), { ...LIMITS, prefix })
    expect(hung).toBe(false)
    if (code !== 0) expect(stderr).toMatch(/^Error: /)
  })

  it('nobody else reads what serve and the command line keep; exports are as the umask says', async () => {
    const cli = new CommandLine(temporaryFolder())
    const prefix = ['sh', '-c', 'umask 022; exec "$@"', 'sh']
    for (const wide of [cli.data, cli.cache]) chmodSync(wide, 0o755)
    // As versions before left them.
    mkdirSync(join(cli.data, 'previews'), { mode: 0o755 })
    for (const name of ['settings.json', 'studio.log']) writeFileSync(join(cli.data, name), '', { mode: 0o644 })
    writeFileSync(join(cli.cache, 'hashes.json'), '{}', { mode: 0o644 })
    mkdirSync(join(cli.cache, 'featurefusion-contributions'), { mode: 0o755 })
    const served = await ServedProgram.start(cli, ['serve', '--demo', '--allow', cli.home], { ...LIMITS, prefix })
    expect(openToOthers(cli.data)).toEqual([])
    expect(openToOthers(cli.cache)).toEqual([])
    await served.invoke('settings.set', { theme: 'dark' })
    const { project } = (await served.invoke('app.snapshot', {})).project
    const preview = { ...project.preview, prompts: prompts.slice(0, 1), steps: 1 }
    await served.invoke('project.edit', { edits: [{ type: 'set-preview', preview }], label: 'One picture' })
    const jobs = [
      await served.invoke('preview.run', { variants: [{ type: 'merge' }] }),
      await served.invoke('models.hash', {}),
      await served.invoke('export.start', { path: join(cli.home, 'exported'), overwrite: false }),
    ]
    for (const job of jobs) expect(await served.jobIn(['done', 'failed'], job)).toMatchObject({ state: 'done' })
    await served.stop()
    const merged = await cli.run(COMMANDS['merge']!(cli.home), { ...LIMITS, prefix })
    expect(merged, merged.stderr).toMatchObject({ code: 0 })
    expect(openToOthers(cli.data)).toEqual([])
    expect(openToOthers(cli.cache)).toEqual([])
    for (const name of ['exported', 'merged']) expect(lstatSync(join(cli.home, name)).mode & 0o777).toBe(0o755)
    const weights = join(cli.home, 'exported', 'unet', 'diffusion_pytorch_model.safetensors')
    expect(lstatSync(weights).mode & 0o777).toBe(0o644)
  })
})
