import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { Job } from '../../src-main/contract/jobs'
import { DEMO, family, prompts } from '../unit/demo-family'
import { temporaryFolder } from '../unit/engine/merge/models'
import { CommandLine, type CommandOptions } from './support/command-line'
import { ServedProgram } from './support/served'
import { NO_STRACE, SystemCalls } from './support/system-calls'

// Processes that are started while other tests keep the machine busy.
vi.setConfig({ testTimeout: 90_000 })

/** ONNX Runtime's telemetry keeps still where one of these says that it runs in tests. */
const TEST_MARKS = ['CI', 'TF_BUILD', 'GITHUB_ACTIONS', 'CIRCLECI', 'JENKINS_URL', 'ORT_RUNNING_UNIT_TESTS']
/** What npm hands on to the scripts that it runs, these tests among them. */
const FROM_NPM = Object.keys(process.env).filter((name) => name.toLowerCase().startsWith('npm_'))
/** As a person's environment may be, without a display. */
const PLAIN = Object.fromEntries(
  [...TEST_MARKS, ...FROM_NPM, 'ORT_DISABLE_TELEMETRY', 'DISPLAY', 'WAYLAND_DISPLAY'].map((name) => [name, undefined]),
)
const TELEMETRY_ON = { ...PLAIN, ORT_DISABLE_TELEMETRY: '0' }

const model = family.base.path
const specialist = `food=${family.specialists.find(({ name }) => name === 'food')!.path}`
const MERGE = ['--base', model, '--specialist', specialist]

const COMMANDS: Readonly<Record<string, (out: string) => string[]>> = {
  devices: () => ['devices'],
  generate: (out) => [
    'generate',
    '--model',
    model,
    '--prompt',
    prompts[0]!,
    '--steps',
    '2',
    '--device',
    'cpu',
    '--out',
    out,
  ],
  inspect: () => ['inspect', ...MERGE],
  merge: (out) => ['merge', ...MERGE, '--reuse', '--out', join(out, 'merged')],
  evaluate: (out) => [
    ...['evaluate', '--base', model, '--model', model, '--data', join(DEMO, 'evaluation'), '--pictures', '1'],
    ...['--csv', join(out, 'table.csv'), '--device', 'cpu'],
  ],
}

/** A traced program with folders of its own, of which it may write into cache, data, out and temp. */
class Traced {
  readonly cli = new CommandLine(join(temporaryFolder(), 'run'))
  readonly out = join(this.cli.folder, 'out')
  private readonly calls = new SystemCalls(join(this.cli.folder, 'trace'))

  options(env: CommandOptions['env'], more: CommandOptions = {}): CommandOptions {
    const temporary = join(this.cli.folder, 'temp')
    return { limitMs: 60_000, prefix: this.calls.prefix, env: { ...env, TMPDIR: temporary }, ...more }
  }

  get network(): string[] {
    return this.calls.network
  }

  /** What was written elsewhere; devices are no files. */
  writtenOutside(...more: string[]): string[] {
    const { cache, data, folder } = this.cli
    const allowed = [cache, data, this.out, join(folder, 'temp'), '/dev', ...more]
    return this.calls.written.filter((path) => !allowed.some((root) => path === root || path.startsWith(`${root}/`)))
  }
}

it('generate leaves a home folder as it was', async () => {
  const cli = new CommandLine(temporaryFolder())
  const ended = await cli.run(COMMANDS['generate']!(join(cli.folder, 'out')), { env: TELEMETRY_ON, limitMs: 60_000 })
  expect(ended, ended.stderr).toMatchObject({ code: 0, hung: false })
  expect(readdirSync(cli.home)).toEqual([])
})

describe.skipIf(NO_STRACE !== null)(`what is sent and written${NO_STRACE ? ` (skipped: ${NO_STRACE})` : ''}`, () => {
  it.each([...Object.keys(COMMANDS).map((name) => [name, TELEMETRY_ON] as const), ['generate', PLAIN] as const])(
    '%s opens no socket and writes into its own folders only (%j)',
    async (name, env) => {
      const traced = new Traced()
      const ended = await traced.cli.run(COMMANDS[name]!(traced.out), traced.options(env))
      expect(ended, ended.stderr).toMatchObject({ code: 0, hung: false })
      expect(traced.network).toEqual([])
      expect(traced.writtenOutside()).toEqual([])
    },
  )

  it('serve listens on 127.0.0.1 alone, with providers tried and a job in its compute process', async () => {
    const traced = new Traced()
    const args = ['serve', '--demo', '--allow', traced.cli.home]
    const served = await ServedProgram.start(traced.cli, args, traced.options(TELEMETRY_ON))
    expect((await served.get('/')).status).toBe(200)
    await served.invoke('devices.list', { again: true })
    expect(await inspect(served)).toMatchObject({ state: 'done' })
    expect(await served.stop()).toMatchObject({ code: 0 })
    expect(traced.network.filter((call) => !isLocalServer(call))).toEqual([])
    expect(traced.writtenOutside()).toEqual([])
  })

  it('npm start serves as `serve` does', async () => {
    const traced = new Traced()
    const options = traced.options(TELEMETRY_ON, { program: ['npm', 'start'] })
    const served = await ServedProgram.start(traced.cli, [], options)
    expect((await served.get('/')).status).toBe(200)
    expect(await inspect(served)).toMatchObject({ state: 'done' })
    await served.stop()
    expect(traced.network.filter((call) => !isLocalServer(call))).toEqual([])
    // npm keeps a log of every run.
    expect(traced.writtenOutside(join(traced.cli.home, '.npm'))).toEqual([])
  })
})

async function inspect(served: ServedProgram): Promise<Job> {
  return served.jobIn(['done', 'failed'], await served.invoke('inspect.start', {}))
}

/** The calls that make the server of the interface. */
function isLocalServer(call: string): boolean {
  return /^socket\(AF_INET, SOCK_STREAM/.test(call) || /^bind\(.*sin_addr=inet_addr\("127\.0\.0\.1"\)/.test(call)
}
