// Installs what an Electron 9 without a screen needs, where it is missing and can be installed.
import { spawnSync } from 'node:child_process'
import { installDebianPackages } from '../../scripts/ready.mjs'

/** A screen, what types into the system's dialogs, and the libraries of Electron. */
const PACKAGES = ['xvfb', 'xdotool', 'libgtk-3-0', 'libnss3', 'libasound2', 'libxss1', 'libgbm1']

/** Where it cannot be had, the tests are skipped and say why. */
export function setup() {
  if (['Xvfb', 'xdotool'].some((name) => spawnSync(name, ['-version']).error)) installDebianPackages(...PACKAGES)
}
