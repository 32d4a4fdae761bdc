import { existsSync, readlinkSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CONTENT_SECURITY_POLICY } from '../../src-main/app/files/interface-files'
import type { CommandName } from '../../src-main/contract/protocol/commands'
import type { DesktopApi } from '../../src-main/contract/protocol/wire'
import { Studio } from '../e2e/support/pages/studio'
import { tensorsOf } from '../e2e/support/safetensors-data'
import { runCli } from '../e2e/support/studio-server'
import { Desktop } from './desktop'
import { findElectron } from './electron-binary'

type Global = { featureFusion: DesktopApi } & Record<string, unknown>
const WEIGHTS = 'unet/diffusion_pytorch_model.safetensors'
const found = findElectron()
if ('obstacle' in found) console.warn(`Electron 9 cannot run here: ${found.obstacle}`)

// Functions that are handed to a page or to the main process run there as they are: in the JavaScript of 2020.
describe.runIf('launcher' in found)('the window in Electron 9', () => {
  let desktop: Desktop
  let studio: Studio

  beforeAll(async () => {
    desktop = await Desktop.open('launcher' in found ? found.launcher : '')
    studio = new Studio(desktop.page)
  })
  afterAll(() => desktop?.close())
  afterEach(() => expect(desktop.errors.splice(0), 'errors that the page logged').toEqual([]))

  it('shows the demo, with pictures from its own scheme', async () => {
    const { models } = (await desktop.ask('app.snapshot', {})).project.project
    await expect.poll(() => studio.models.cards.count()).toBe(models.length)
    const isDrawn = (): Promise<boolean> =>
      studio.models.picture('food').evaluate((image) => (image as HTMLImageElement).naturalWidth > 0)
    await expect.poll(isDrawn).toBe(true)
    expect(new URL(desktop.page.url()).protocol).toBe('featurefusion:')
    await desktop.takePicture('models')
  })

  it('is sandboxed: of Node and Electron the page has the preload script alone', async () => {
    const reachable = await desktop.page.evaluate(() =>
      ['require', 'process', 'module', 'Buffer', 'featureFusion'].filter((name) => name in globalThis),
    )
    expect(reachable).toEqual(['featureFusion'])
    const pid = await desktop.app.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0]!.webContents.getOSProcessId(),
    )
    for (const kind of ['user', 'net', 'pid'])
      expect(readlinkSync(`/proc/${pid}/ns/${kind}`), kind).not.toBe(readlinkSync(`/proc/self/ns/${kind}`))
  })

  it('answers its own page alone', async () => {
    const unknown = desktop.page.evaluate(() =>
      (globalThis as unknown as Global).featureFusion.invoke('no.command' as CommandName, {}),
    )
    await expect(unknown).rejects.toThrow(/no command/)

    const preload = join(desktop.folder, 'program', 'out', 'preload', 'preload.cjs')
    const answer = await desktop.app.evaluate(async ({ BrowserWindow }, script) => {
      const webPreferences = { preload: script, sandbox: true, contextIsolation: true }
      const other = new BrowserWindow({ show: false, webPreferences })
      await other.loadURL('data:text/html,<title>Another page</title>')
      const reply: unknown = await other.webContents.executeJavaScript(`featureFusion.invoke('app.snapshot', {})`)
      other.destroy()
      return reply
    }, preload)
    expect(answer).toMatchObject({ ok: false, error: { message: 'Commands from other pages are refused.' } })
  })

  it('serves nothing but the interface by its scheme, under its policy', async () => {
    const { page } = desktop
    const answer = (path: string): Promise<{ status: number; policy: string | null }> =>
      page.evaluate(async (asked) => {
        const { status, headers } = await fetch(asked)
        return { status, policy: headers.get('content-security-policy') }
      }, path)
    expect(await answer('index.html')).toEqual({ status: 200, policy: CONTENT_SECURITY_POLICY })
    for (const path of ['%2e%2e%2fmain/main.cjs', 'assets/%2e%2e/%2e%2e/%2e%2e/package.json', 'nothing.js'])
      expect((await answer(path)).status, path).toBe(404)
    // Chromium logs what was not found.
    desktop.errors.splice(0)
  })

  it('lets no inline script run, and asks no other host', async () => {
    const violated = await desktop.page.evaluate(async () => {
      const directives: string[] = []
      document.addEventListener('securitypolicyviolation', (event) => directives.push(event.violatedDirective))
      const script = document.createElement('script')
      script.textContent = 'globalThis.ranInline = true'
      document.body.append(script)
      await fetch('http://127.0.0.1:9/').catch(() => undefined)
      const frame = document.createElement('iframe')
      frame.src = 'data:text/html,framed'
      document.body.append(frame)
      for (let waits = 0; directives.length < 3 && waits < 50; waits++)
        await new Promise((done) => setTimeout(done, 100))
      script.remove()
      frame.remove()
      return { directives, ran: 'ranInline' in globalThis }
    })
    expect(violated.ran).toBe(false)
    expect(violated.directives).toEqual(['script-src-elem', 'connect-src', 'frame-src'])
    // Chromium logs what it refuses.
    desktop.errors.splice(0)
  })

  it('adds a file that is dropped on it, by its path', async () => {
    const { page } = desktop
    const path = join(desktop.folder, 'dropped.safetensors')
    await copyFile(resolve('resources/demo/food', WEIGHTS), path)
    await page.evaluate(() => {
      const input = Object.assign(document.createElement('input'), { type: 'file', id: 'dropped' })
      document.body.append(input)
    })
    await page.setInputFiles('#dropped', path)
    await page.evaluate(() => {
      const input = document.querySelector<HTMLInputElement>('#dropped')!
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(input.files![0]!)
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
      input.remove()
    })
    const paths = async (): Promise<string[]> =>
      (await desktop.ask('app.snapshot', {})).project.project.models.map((model) => model.path)
    await expect.poll(paths).toContain(path)
    await studio.undo.click()
    await expect.poll(paths).not.toContain(path)
  })

  it('opens the dialog of the system, and is told the path that was chosen', async () => {
    const path = resolve('resources/demo/food', WEIGHTS)
    const chosen = desktop.ask('files.dialog', { purpose: 'models' })
    await desktop.display.answerDialog('Add models', path)
    expect((await chosen).paths).toEqual([path])
  })

  it('exports where the dialog of the system says, what the command line writes', async () => {
    const merged = join(desktop.folder, 'merged')
    await studio.goTo('Tune')
    await desktop.takePicture('tune')
    await studio.goTo('Export')
    await studio.export.start.click()
    await desktop.display.answerDialog('Export to a folder', merged)
    await expect.poll(() => studio.export.result.textContent(), { timeout: 60_000 }).toContain('is written')
    await desktop.takePicture('exported')

    const document = join(desktop.folder, 'same.fusion.json')
    await writeFile(document, JSON.stringify((await desktop.ask('app.snapshot', {})).project.project))
    const commandLine = join(desktop.folder, 'by-command-line')
    await runCli('merge', document, '--out', commandLine)
    expect(existsSync(join(merged, WEIGHTS))).toBe(true)
    const [window, expected] = await Promise.all(
      [merged, commandLine].map((folder) => tensorsOf(join(folder, WEIGHTS))),
    )
    expect(window!.header).toEqual(expected!.header)
    expect(window!.data.equals(expected!.data)).toBe(true)
  })

  // The last: a page that asks for a window waits for Playwright from then on, which waits for that window.
  it('stays on its own page, and opens no other', async () => {
    const url = desktop.page.url()
    const after = await desktop.app.evaluate(async ({ BrowserWindow }) => {
      const { webContents } = BrowserWindow.getAllWindows()[0]!
      const left = new Promise((done) => webContents.once('will-navigate', done))
      const title: unknown = await webContents.executeJavaScript(
        `location.href = 'https://example.com/'; document.title`,
      )
      await left
      const opened = new Promise((done) => webContents.once('new-window' as 'will-navigate', done))
      void webContents.executeJavaScript(`window.open('https://example.com/')`)
      await opened
      await new Promise((done) => setTimeout(done, 300))
      return { title, url: webContents.getURL(), windows: BrowserWindow.getAllWindows().length }
    })
    expect(after).toEqual({ title: expect.stringContaining('FeatureFusion Studio') as string, url, windows: 1 })
  })
})
