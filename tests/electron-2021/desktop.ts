import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { _electron, type CDPSession, type ElectronApplication, type Page } from '@playwright/test'
import type { CommandInput, CommandName, CommandOutput } from '../../src-main/contract/protocol/commands'
import type { DesktopApi, Reply } from '../../src-main/contract/protocol/wire'
import { Display } from './display'
import { makeProgram } from './make-program'

const END_LIMIT_MS = 10_000

/** The desktop program with the demo open, in Electron 9 on a display of its own. */
export class Desktop {
  /** What pages have logged as errors. */
  readonly errors: string[] = []

  private constructor(
    readonly app: ElectronApplication,
    readonly page: Page,
    readonly display: Display,
    readonly folder: string,
  ) {
    page.on('pageerror', (error) => this.errors.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text())
    })
  }

  /** @param launcher what starts Electron */
  static async open(launcher: string): Promise<Desktop> {
    const folder = mkdtempSync(join(tmpdir(), 'electron-2021-'))
    const program = join(folder, 'program')
    await makeProgram(program)
    const [data, cache] = [join(folder, 'data'), join(folder, 'cache')]
    for (const path of [data, cache]) mkdirSync(path)
    const display = await Display.open()
    const app = await _electron.launch({
      executablePath: launcher,
      chromiumSandbox: true,
      args: [program, '--demo', `--user-data-dir=${data}`],
      env: {
        ...(process.env as Record<string, string>),
        DISPLAY: display.name,
        HOME: folder,
        FEATUREFUSION_CACHE: cache,
        ELECTRON_2021_NODE: process.execPath,
      },
    })
    const page = await app.firstWindow()
    await page.waitForLoadState()
    await addCheckVisibility(await page.context().newCDPSession(page))
    return new Desktop(app, page, display, folder)
  }

  /** As the interface asks: through the preload script. */
  async ask<C extends CommandName>(command: C, input: CommandInput<C>): Promise<CommandOutput<C>> {
    const reply: Reply = await this.page.evaluate(
      ([name, given]) => (globalThis as unknown as { featureFusion: DesktopApi }).featureFusion.invoke(name, given),
      [command, input] as const,
    )
    if (!reply.ok) throw new Error(`${command}: ${reply.error.message}`)
    return reply.value as CommandOutput<C>
  }

  /** A picture of the page, for people. */
  async takePicture(name: string): Promise<void> {
    await this.page.screenshot({ path: join('test-results', 'electron-2021', `${name}.png`) })
  }

  async close(): Promise<void> {
    // A dialog that is left open would hold it for ever; without a screen it ends.
    await Promise.race([this.app.close(), setTimeout(END_LIMIT_MS)])
    this.display.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Playwright's own scripts, in a world of their own, ask for it; Chromium has it since 105. */
async function addCheckVisibility(session: CDPSession): Promise<void> {
  const expression = `Element.prototype.checkVisibility = function () { return this.getClientRects().length > 0 }`
  const contexts: number[] = []
  session.on('Runtime.executionContextCreated', ({ context }) => contexts.push(context.id))
  await session.send('Runtime.enable')
  for (const contextId of contexts) await session.send('Runtime.evaluate', { expression, contextId })
}
