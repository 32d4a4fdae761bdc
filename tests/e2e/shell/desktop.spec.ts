import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { _electron, expect, test, type ElectronApplication, type Page } from '@playwright/test'
import type { CommandInput, CommandName, CommandOutput } from '../../../src-main/contract/protocol/commands'
import type { DesktopApi } from '../../../src-main/contract/protocol/wire'
import { Studio } from '../support/pages/studio'
import { tensorsOf } from '../support/safetensors-data'
import { runCli } from '../support/studio-server'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
/** The program of a package, instead of the built one in Electron; made as docs/install.md says. */
const packaged = process.env['FEATUREFUSION_PACKAGED']
const obstacle = findObstacle()

/** Why Electron cannot be tested here; null: it can. */
function findObstacle(): string | null {
  const pathFile = join(ROOT, 'node_modules', 'electron', 'path.txt')
  const own = existsSync(pathFile) && join(ROOT, 'node_modules', 'electron', 'dist', readFileSync(pathFile, 'utf8'))
  const binary = packaged ?? own
  if (!binary || !existsSync(binary)) return "Electron's binary is not installed (npx install-electron)."
  if (process.platform !== 'linux') return null
  if (process.getuid?.() === 0) return 'Electron does not run sandboxed as root.'
  const { DISPLAY, WAYLAND_DISPLAY } = process.env
  return DISPLAY || WAYLAND_DISPLAY ? null : 'There is no display.'
}

test.describe('the desktop', () => {
  test.skip(obstacle !== null, obstacle ?? '')

  let folder: string
  let app: ElectronApplication
  let page: Page

  test.beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'featurefusion-desktop-'))
    app = await _electron.launch({
      ...(packaged !== undefined && { executablePath: packaged }),
      args: [...(packaged === undefined ? [ROOT] : []), '--demo', `--user-data-dir=${join(folder, 'data')}`],
      env: { ...process.env, FEATUREFUSION_CACHE: join(folder, 'cache') } as Record<string, string>,
    })
    page = await app.firstWindow()
  })
  test.afterEach(async () => {
    await app.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** As the interface asks: through the preload script. */
  async function ask<C extends CommandName>(command: C, input: CommandInput<C>): Promise<CommandOutput<C>> {
    const reply = await page.evaluate(
      ([name, given]) => (globalThis as unknown as { featureFusion: DesktopApi }).featureFusion.invoke(name, given),
      [command, input] as const,
    )
    if (!reply.ok) throw new Error(`${command}: ${reply.error.message}`)
    return reply.value as CommandOutput<C>
  }

  test('runs a command instead of a window', () => {
    test.skip(packaged === undefined, 'This is no package.')
    const headless = process.platform === 'linux' ? ['--ozone-platform=headless', '--disable-gpu'] : []
    const run = (...args: string[]): ReturnType<typeof spawnSync> =>
      spawnSync(packaged!, [...headless, '--cli', '--', ...args], { encoding: 'utf8' })
    expect(run('--version')).toMatchObject({ stdout: expect.stringMatching(/^[\d.]+\n$/), status: 0 })
    expect(run('merge', '--nothing')).toMatchObject({ status: 2 })
    expect(run('devices', '--json').stdout).toContain('"provider": "cpu",\n    "available": true')
  })

  test('is sandboxed, and stays on its own page', async () => {
    const reachable = await page.evaluate(() =>
      ['require', 'process', 'module', 'Buffer'].filter((name) => name in globalThis),
    )
    expect(reachable).toEqual([])
    const url = page.url()
    await page.evaluate(() => {
      location.href = 'https://example.com/'
      return window.open('https://example.com/') === null
    })
    expect(page.url()).toBe(url)
    expect(app.windows()).toHaveLength(1)
    const unknown = page.evaluate(() =>
      (globalThis as unknown as { featureFusion: DesktopApi }).featureFusion.invoke('no.command' as CommandName, {}),
    )
    await expect(unknown).rejects.toThrow(/no command/)
  })

  test('makes the journey: open, inspect, drop one, preview, export what the command line gives', async () => {
    const studio = new Studio(page)
    const { models } = (await ask('app.snapshot', {})).project.project
    const dropped = models.at(-1)!.name
    await expect(studio.models.cards).toHaveCount(models.length)
    const { layers } = await ask('models.layers', {})
    await studio.goTo('Inspect')
    await studio.inspect.compute.click()
    await expect(studio.inspect.progress(layers.length)).toBeVisible({ timeout: 60_000 })
    await studio.goTo('Tune')
    await studio.tune.drop(dropped)
    await expect(studio.tune.row(dropped)).toContainText('dropped')
    await studio.goTo('Preview')
    await studio.preview.steps.fill('4')
    await studio.preview.steps.press('Control+Enter')
    await expect(studio.preview.picture('merge').first()).toBeVisible({ timeout: 60_000 })

    // The system's own dialog for the file's name cannot be clicked from here.
    const { job } = await ask('export.start', { path: join(folder, 'merged') })
    await expect
      .poll(async () => (await ask('jobs.list', {})).jobs.find(({ id }) => id === job.id)?.state, { timeout: 60_000 })
      .toBe('done')
    const document = join(folder, 'same.fusion.json')
    await writeFile(document, JSON.stringify((await ask('app.snapshot', {})).project.project))
    await runCli('merge', document, '--out', join(folder, 'by-command-line'))
    const weights = 'unet/diffusion_pytorch_model.safetensors'
    const window = await tensorsOf(join(folder, 'merged', weights))
    const commandLine = await tensorsOf(join(folder, 'by-command-line', weights))
    expect(window.data.equals(commandLine.data)).toBe(true)
  })
})
