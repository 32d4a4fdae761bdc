import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { version } from '../../../package.json'
import { commandArguments } from '../../../src-main/desktop/command-arguments'
import { runCommandLine } from '../../../src-main/desktop/command-line'

const electron = vi.hoisted(() => ({ events: [] as string[], exit: vi.fn() }))
vi.mock('electron', () => ({
  app: {
    whenReady: async () => void electron.events.push('ready'),
    exit: electron.exit,
    dock: { hide: () => electron.events.push('hidden') },
  },
  utilityProcess: {},
}))
// It names a file as only electron-vite can.
vi.mock('../../../src-main/desktop/launch-probe', () => ({ launchUtilityProbe: vi.fn() }))

describe('the arguments of a packaged command line', () => {
  it.each([
    [
      ['studio', '--cli', '--', 'merge', '--out', 'x'],
      ['merge', '--out', 'x'],
    ],
    [['studio', '--ozone-platform=headless', '--disable-gpu', '--cli', 'devices'], ['devices']],
    [['studio', '--cli'], []],
    [
      ['studio', '--cli', '--', 'open', '--', '--cli'],
      ['open', '--', '--cli'],
    ],
  ])('of %j are %j', (argv, args) => expect(commandArguments(argv)).toEqual(args))

  it.each([[['studio']], [['studio', 'a.fusion.json']], [['studio', 'a.fusion.json', '--cli']], [['--cli']]])(
    'are none in %j, which means a window',
    (argv) => expect(commandArguments(argv)).toBeNull(),
  )
})

describe('the packaged command line', () => {
  const file = new URL('file:///none/')
  const files = { workerFile: file, clipVocabulary: '', demoFolder: '', builtFolder: file }
  const printed = { stdout: '', stderr: '' }

  beforeEach(() => {
    electron.events.length = 0
    electron.exit.mockClear()
    for (const stream of ['stdout', 'stderr'] as const) {
      printed[stream] = ''
      vi.spyOn(process[stream], 'write').mockImplementation((text, ...rest) => {
        printed[stream] += String(text)
        const done = rest.find((one) => typeof one === 'function')
        done?.()
        return true
      })
    }
  })
  afterEach(() => {
    process.exitCode = undefined
    vi.restoreAllMocks()
  })

  it('runs a command once Electron is ready, without a place in the dock', async () => {
    await runCommandLine(['--version'], files)
    expect(printed.stdout).toBe(`${version}\n`)
    expect(electron.events).toEqual(['hidden', 'ready'])
    expect(electron.exit).toHaveBeenCalledExactlyOnceWith(0)
  })

  it('ends with the exit code of what failed', async () => {
    await runCommandLine(['open', '/none/model.safetensors'], files)
    expect(printed.stderr).toContain('/none/model.safetensors')
    expect(electron.exit).toHaveBeenCalledExactlyOnceWith(1)
  })

  it('ends with 2 where the arguments are wrong', async () => {
    await runCommandLine(['merge', '--no-such-option'], files)
    expect(printed.stderr).toContain('--no-such-option')
    expect(electron.exit).toHaveBeenCalledExactlyOnceWith(2)
  })
})
