// Finds a Chromium for the tests in a browser, and installs one where there is none.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { installDebianPackages, tryRun } from './ready.mjs'

const require = createRequire(import.meta.url)
const SYSTEM_BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** Path of a Chromium: Playwright's own, else the system's; undefined where there is none. */
export function findChromium() {
  const own = require('@playwright/test').chromium.executablePath()
  return [own, ...SYSTEM_BROWSERS].find((path) => path !== '' && existsSync(path))
}

/** As findChromium, after trying to install one: Playwright's, else Debian's package (as root). */
export function ensureChromium() {
  const found = findChromium()
  if (found) return found
  console.log('Installing Chromium for the tests in a browser …')
  tryRun('npx', ['playwright', 'install', 'chromium'])
  if (!findChromium()) installDebianPackages('chromium', 'libvulkan1')
  return findChromium()
}
