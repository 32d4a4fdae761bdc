import { existsSync } from 'node:fs'
import { chromium, defineConfig } from '@playwright/test'

/** Playwright's own Chromium, else the system's; CHROMIUM names another one. */
const executablePath = [process.env['CHROMIUM'], chromium.executablePath(), '/usr/bin/chromium'].find(
  (path) => path !== undefined && path !== '' && existsSync(path),
)

export default defineConfig({
  testDir: 'tests/e2e',
  globalSetup: './tests/e2e/support/draw-cards.ts',
  outputDir: 'test-results/e2e',
  // Every test has a host with a compute process of its own, which waits for the page about as long as it works.
  workers: 2,
  timeout: 120_000,
  // A slow machine can starve a page of its answers; what passes only then is named at the end of `npm test`.
  retries: 1,
  expect: { timeout: 20_000 },
  reporter: 'list',
  use: {
    viewport: { width: 1280, height: 800 },
    screenshot: 'only-on-failure',
    launchOptions: {
      ...(executablePath !== undefined && { executablePath }),
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
      ],
    },
  },
})
